import { expect, test } from "vitest";
import type { Sample } from "../../src/lib/air";
import { toInstallation } from "../../src/lib/api/installations";
import { Heard } from "../../src/lib/live/heard";

const at = (time: number, co2: number): Sample => ({ time, co2, temperature: null, humidity: null });
const installation = (latest: Sample | null) => ({
  ...toInstallation({ type: "Installation", id: "7", attributes: {} }),
  latest,
});

test("what was heard before an answer came is not overwritten by it", () => {
  const heard = new Heard();
  expect(heard.add("7", at(200, 900))).toBe(true);
  expect(heard.merge([installation(at(100, 500))])[0]!.latest!.co2).toBe(900);
  expect(heard.merge([installation(null)])[0]!.latest!.co2).toBe(900);
  expect(heard.merge([installation(at(300, 700))])[0]!.latest!.co2).toBe(700);
});

test("the same sample again, and older ones, are nothing new", () => {
  const heard = new Heard();
  heard.add("7", at(200, 900));
  expect(heard.add("7", at(200, 900))).toBe(false);
  expect(heard.add("7", at(100, 400))).toBe(false);
  expect(heard.merge([installation(null)])[0]!.latest!.co2).toBe(900);
});

test("samples of things that nobody here shows do not fill the memory", () => {
  const heard = new Heard();
  heard.add("7", at(1, 400));
  for (let i = 0; i < 1000; i++) heard.add(`other ${i}`, at(1, 500));
  expect(heard.merge([installation(null)])[0]!.latest).toBe(null);
});
