import { expect, test } from "vitest";
import { lastMonths, monthOf } from "../../src/lib/months";

test("months are those that are over where the room is", () => {
  // Midnight in Berlin is an hour after that of UTC's thirtieth: there it is December already.
  const now = Date.UTC(2026, 10, 30, 23, 30) / 1000;
  expect(lastMonths(now, "Europe/Berlin", 2)).toEqual([
    { from: "2026-11-01", to: "2026-11-30" },
    { from: "2026-10-01", to: "2026-10-31" },
  ]);
  expect(lastMonths(now, "UTC", 1)).toEqual([{ from: "2026-10-01", to: "2026-10-31" }]);
  expect(lastMonths(Date.UTC(2028, 2, 5) / 1000, "UTC", 3)).toEqual([
    { from: "2028-02-01", to: "2028-02-29" },
    { from: "2028-01-01", to: "2028-01-31" },
    { from: "2027-12-01", to: "2027-12-31" },
  ]);
});

test("other spans are none", () => {
  expect(monthOf({ from: "2026-02-01", to: "2026-02-28" })).toBe(true);
  expect(monthOf({ from: "2026-02-01", to: "2026-03-28" })).toBe(false);
  expect(monthOf({ from: "2026-02-02", to: "2026-02-28" })).toBe(false);
});
