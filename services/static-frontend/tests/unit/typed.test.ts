import { expect, test } from "vitest";
import {
  parseDay,
  parseDecimal,
  parseMinute,
  parseTime,
  writeDay,
  writeDecimal,
  writeMinute,
} from "../../src/lib/typed";

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
  ["29.11.2026 T18:30", undefined],
])("the minute typed as %j is %j", (text, minute) => {
  expect(parseMinute(text)).toBe(minute);
});

test.each([
  ["29.11.2026", "2026-11-29"],
  [" 9.1.2026 ", "2026-01-09"],
  ["2026-11-29", "2026-11-29"],
  ["2026-1-9", "2026-01-09"],
  ["29.2.2028", "2028-02-29"],
  ["", ""],
  ["11/12/2026", undefined],
  ["29.2.2026", undefined],
  ["29.11.26", undefined],
  ["29.11.", undefined],
  ["29.11.2026, 18:30", undefined],
  ["morgen", undefined],
])("the day typed as %j is %j", (text, day) => {
  expect(parseDay(text)).toBe(day);
});

test.each([
  ["8", "08:00"],
  ["8:00", "08:00"],
  ["08:00", "08:00"],
  ["8.30 Uhr", "08:30"],
  ["8 uhr", "08:00"],
  ["0", "00:00"],
  ["23:59", "23:59"],
  ["24:00", "24:00"],
  ["24", "24:00"],
  ["", ""],
  ["24:01", undefined],
  ["25", undefined],
  ["8:60", undefined],
  ["8:5", undefined],
  ["-1", undefined],
  // Morning, or evening?
  ["8 pm", undefined],
  ["Uhr", undefined],
])("the time of day typed as %j is %j", (text, time) => {
  expect(parseTime(text)).toBe(time);
});

test("what is shown can be typed, whatever it is", () => {
  const signs = "0123456789.,:-+T /\u2212eE Uhr";
  let state = 1;
  const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  const two = (number: number) => String(number).padStart(2, "0");
  const kinds = { day: [parseDay, writeDay], time: [parseTime, String], minute: [parseMinute, writeMinute] };
  const changed: string[] = [];
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random(20) }, () => signs[random(signs.length)]).join("");
    const day = `${2000 + random(99)}-${two(1 + random(12))}-${two(1 + random(28))}`;
    const time = `${two(random(24))}:${two(random(60))}`;
    const made = { day, time, minute: `${day}T${time}` };
    for (const language of ["de", "en"] as const) {
      const number = parseDecimal(text);
      if (typeof number === "number") {
        const again = parseDecimal(writeDecimal(number, language));
        if (!(Math.abs(again! - number) < 1e-9)) changed.push(`number ${text}`);
      }
      for (const [kind, [parse, write]] of Object.entries(kinds) as [
        keyof typeof kinds,
        [(text: string) => string | undefined, (value: string, of: typeof language) => string],
      ][]) {
        for (const value of [parse(text), made[kind]])
          if (value !== undefined && parse(write(value, language)) !== value)
            changed.push(`${kind} ${value}`);
      }
    }
  }
  expect(changed).toEqual([]);
});
