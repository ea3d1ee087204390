import { expect, test } from "vitest";
import examples from "../../../managair/testdata/node-ids.json";
import { familyOf, nodeId, parseEui, protocolFor } from "../../src/lib/nodeid";

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

// The server has the same examples.
test.each(examples)("the id of $eui with $protocol is $id", async ({ protocol, eui, family, id }) => {
  expect(familyOf(protocol)).toBe(family);
  const digits = parseEui(eui);
  expect(family && digits ? await nodeId(family, digits) : null).toBe(id);
});
