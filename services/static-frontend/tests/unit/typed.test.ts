import { expect, test } from "vitest";
import { parseDecimal, parseMinute, writeDecimal, writeMinute } from "../../src/lib/typed";

test.each([
  ["60,3", 60.3],
  ["60.3", 60.3],
  [" 60 ", 60],
  ["-0,5", -0.5],
  ["\u22125", -5],
  ["", null],
  ["1.234,5", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
  ["Infinity", undefined],
  ["12 m", undefined],
])("the number typed as %j is %j", (text, number) => {
  expect(parseDecimal(text)).toBe(number);
});

test("numbers are shown as they are typed", () => {
  expect(writeDecimal(1234.5, "de")).toBe("1234,5");
  expect(writeDecimal(52.520008, "en")).toBe("52.520008");
  expect(writeDecimal(0.000001, "de")).toBe("0,000001");
});

test.each([
  ["29.11.2026, 18:30", "2026-11-29T18:30"],
  ["29.11.2026 18:30", "2026-11-29T18:30"],
  ["9.1.2026, 8:05 Uhr", "2026-01-09T08:05"],
  ["2026-11-29 18:30", "2026-11-29T18:30"],
  ["2026-11-29T18:30", "2026-11-29T18:30"],
  ["", ""],
  // Which is the month?
  ["11/12/2026 18:30", undefined],
  ["31.02.2026, 10:00", undefined],
  ["29.11.2026, 24:00", undefined],
  ["29.11.2026", undefined],
  ["29.11.26, 18:30", undefined],
  ["gestern", undefined],
])("the time typed as %j is %j", (text, minute) => {
  expect(parseMinute(text)).toBe(minute);
});

test("what is shown can be typed, whatever it is", () => {
  const signs = "0123456789.,:-+T /\u2212eE Uhr";
  let state = 1;
  const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random(20) }, () => signs[random(signs.length)]).join("");
    for (const language of ["de", "en"] as const) {
      const number = parseDecimal(text);
      if (typeof number === "number")
        expect(parseDecimal(writeDecimal(number, language))).toBeCloseTo(number, 9);
      const minute = parseMinute(text);
      if (minute !== undefined) expect(parseMinute(writeMinute(minute, language))).toBe(minute);
      const day = `${2000 + random(99)}-${String(1 + random(12)).padStart(2, "0")}-${String(1 + random(28)).padStart(2, "0")}`;
      const time = `${String(random(24)).padStart(2, "0")}:${String(random(60)).padStart(2, "0")}`;
      expect(parseMinute(writeMinute(`${day}T${time}`, language))).toBe(`${day}T${time}`);
    }
  }
});
