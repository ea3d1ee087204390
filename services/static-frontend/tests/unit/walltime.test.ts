import { expect, test } from "vitest";
import { dayBefore, fromWallTime, toWallTime } from "../../src/lib/walltime";

test("times are those of the place", () => {
  expect(toWallTime(1_780_000_000, "Europe/Berlin")).toBe("2026-05-28T22:26");
  expect(fromWallTime("2026-05-28T22:26", "Europe/Berlin")).toBe(1_779_999_960);
  expect(fromWallTime("2026-05-28T22:26", "America/New_York")).toBe(1_779_999_960 + 6 * 3600);
});

test("an hour that clocks skip is the one after it, and nothing is no time", () => {
  expect(toWallTime(fromWallTime("2026-03-29T02:30", "Europe/Berlin")!, "Europe/Berlin")).toBe(
    "2026-03-29T03:30",
  );
  expect(fromWallTime("", "Europe/Berlin")).toBeNull();
  expect(fromWallTime("gestern", "Europe/Berlin")).toBeNull();
});

test("yesterday is that of the place", () => {
  const midnight = fromWallTime("2026-03-29T00:00", "Europe/Berlin")!;
  expect(dayBefore(midnight, "Europe/Berlin")).toBe("2026-03-28");
  expect(dayBefore(midnight - 1, "Europe/Berlin")).toBe("2026-03-27");
  expect(dayBefore(midnight, "America/New_York")).toBe("2026-03-27");
});
