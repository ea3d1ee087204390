import { describe, expect, test } from "vitest";
import { emptyWeek, toTimetable, written } from "../../src/lib/api/timetable";

const resource = (attributes: Record<string, unknown>) =>
  toTimetable({ type: "Timetable", id: "site-1", attributes });

describe("timetables", () => {
  test("that say nothing", () => {
    expect(resource({ weekly: null, exceptions: [] })).toEqual({
      week: null,
      exceptions: [],
      region: "",
      calendar: { url: "", days: [], leftOut: 0, readAt: null, failure: "" },
      recomputingFrom: "",
    });
  });
  test("end at midnight, which may be called 00:00", () => {
    const week = { ...emptyWeek(), Mo: [{ from: "00:00", to: "24:00" }] };
    expect(resource({ weekly: week }).week).toEqual(week);
    const typed = { ...week, Mo: [{ from: "00:00", to: "00:00" }] };
    expect(written({ week: typed })).toEqual({ weekly: week });
  });
  test("are written as far as they are given", () => {
    expect(written({})).toEqual({});
    expect(written({ week: null, region: "", calendar: "", recomputeFrom: "" })).toEqual({
      weekly: null,
      holiday_region: "",
      calendar: "",
    });
  });
  test("have exceptions of one day, whose end nobody wrote", () => {
    const one = { from: "2026-12-21", to: "", name: "Open day", hours: [] };
    expect(written({ exceptions: [one] })).toEqual({
      exceptions: [{ from_date: "2026-12-21", to_date: "2026-12-21", name: "Open day", hours: [] }],
    });
  });
});
