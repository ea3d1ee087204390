import { expect, test } from "vitest";
import { parseEui, protocolFor } from "../../src/lib/device";

test.each([
  ["A81758FFFE0A0001", "A81758FFFE0A0001"],
  [" a81758-fffe0a-0001 ", "A81758FFFE0A0001"],
  ["a8:17:58:ff:fe:0a:00:01", "A81758FFFE0A0001"],
  ["A81758FFFE0A000", null],
  ["A81758FFFE0A000G", null],
  ["", null],
])("the device EUI %j is %j", (text, eui) => {
  expect(parseEui(text)).toBe(eui);
});

const protocols = [{ identifier: "CLAIRCHENPROT_V03" }, { identifier: "ELSYSERS" }, { identifier: "OY1012" }];
test.each([
  [{ manufacturer: "ELSYS", tradeName: "ERS CO2", name: "ERS" }, "ELSYSERS"],
  [
    { manufacturer: "Clair Berlin", tradeName: "Clairchen Rot", name: "CLAIRCHEN_ROT_V1" },
    "CLAIRCHENPROT_V03",
  ],
  [{ manufacturer: "Talkpool", tradeName: "OY1012 CO2", name: "x" }, "OY1012"],
  [{ manufacturer: "ACME", tradeName: "ERS", name: "" }, undefined],
])("%j speaks %j", (model, identifier) => {
  expect(protocolFor(model, protocols)?.identifier).toBe(identifier);
});
