// What components do by themselves; how they look together is for the browser tests.
import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { createRawSnippet } from "svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import { scales } from "./scales";
import CurrentValue from "../../src/components/CurrentValue.svelte";
import Heatmap from "../../src/components/Heatmap.svelte";
import RoomTile from "../../src/components/RoomTile.svelte";
import EditForm from "../../src/components/form/EditForm.svelte";
import Field from "../../src/components/form/Field.svelte";
import type { Sample } from "../../src/lib/air";
import { ApiError } from "../../src/lib/api/client";
import { newRoom } from "../../src/lib/api/rooms";
import { Form } from "../../src/lib/form.svelte";

afterEach(cleanup);

const now = Math.floor(Date.now() / 1000);
const sample = (co2: number, ago = 60): Sample => ({
  time: now - ago,
  co2,
  temperature: 21.5,
  humidity: null,
});

describe("the current value", () => {
  const show = (of: Sample | null) =>
    render(CurrentValue, { sample: of, timeZone: "Europe/Berlin", scale: scales.uba });

  test("is told with what it means, and not every minute anew", async () => {
    const { rerender } = show(sample(640));
    const spoken = () => screen.getByRole("status").textContent.replace(/\s+/g, " ").trim();
    expect(spoken()).toBe("Die Luft ist gut 640 ppm CO₂");
    await rerender({ sample: sample(2310) });
    expect(spoken()).toBe("Die Luft ist schlecht 2310 ppm CO₂");
  });
  test("says what to do when the air is bad", () => {
    show(sample(2310));
    expect(screen.getByText(/^Jetzt lüften/)).toBeTruthy();
  });
  test("does not judge the air by an old value", () => {
    show(sample(640, 3 * 3600));
    expect(screen.queryByText("Die Luft ist gut")).toBeNull();
    expect(screen.getByText("Kein aktueller Wert", { selector: ".verdict span" })).toBeTruthy();
  });
  test("shows no quantity that is not measured", () => {
    show(sample(640));
    expect(screen.getByText("Temperatur")).toBeTruthy();
    expect(screen.queryByText("Luftfeuchte")).toBeNull();
  });
});

describe("a form", () => {
  const show = (over: { locked?: boolean; save?: () => Promise<unknown> } = {}) => {
    const form = new Form();
    render(EditForm, {
      form,
      fields: ["name"],
      heading: "Zum Raum",
      action: "Speichern",
      save: over.save ?? (() => Promise.resolve()),
      locked: over.locked ?? false,
      children: createRawSnippet(() => ({ render: () => '<input aria-label="Name" />' })),
    });
    return form;
  };
  const submit = () => fireEvent.submit(screen.getByRole("form", { name: "Zum Raum" }));

  test("is not sent twice while it is under way", async () => {
    let done = () => {};
    const save = vi.fn(() => new Promise<void>((resolve) => (done = resolve)));
    show({ save });
    await submit();
    await submit();
    expect(save).toHaveBeenCalledTimes(1);
    expect(screen.getByRole<HTMLButtonElement>("button").disabled).toBe(true);
    done();
    await vi.waitFor(() => expect(screen.getByRole<HTMLButtonElement>("button").disabled).toBe(false));
  });
  test("tells what is wrong with it as a whole, and leaves what is wrong with a field to the field", async () => {
    const refused = (pointer: string) => () =>
      Promise.reject(new ApiError(400, [{ detail: "So nicht.", source: { pointer } }]));
    const form = show({ save: refused("/data/attributes/other") });
    await submit();
    expect((await screen.findByRole("alert")).textContent).toBe("So nicht.");
    await form.send(refused("/data/attributes/name"));
    await vi.waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    expect(form.wrong("name")).toBe("So nicht.");
  });
  test("has no button for who may not send it", () => {
    show({ locked: true });
    expect(screen.queryByRole("button")).toBeNull();
    expect(screen.getByRole<HTMLFieldSetElement>("group").disabled).toBe(true);
  });
});

describe("a field", () => {
  const input = () => screen.getByRole<HTMLInputElement>("textbox");

  test("takes numbers as the page's language writes them", async () => {
    const { rerender } = render(Field, {
      label: "Fläche",
      type: "number",
      value: 60.3,
      min: 0,
      max: 100,
      step: 0.1,
    });
    expect(input().value).toBe("60,3");
    await fireEvent.input(input(), { target: { value: "61,25" } });
    expect(input().validationMessage).toBe("Genauer als 0,1 geht es nicht.");
    await fireEvent.input(input(), { target: { value: "610" } });
    expect(input().validationMessage).toBe("Erlaubt ist 0 bis 100.");
    await fireEvent.input(input(), { target: { value: "viel" } });
    expect(input().checkValidity()).toBe(false);
    // It is not said before it is written.
    expect(screen.queryByRole("alert")).toBeNull();
    await fireEvent.blur(input());
    expect(screen.getByRole("alert").textContent).toBe("Das ist keine Zahl, wie etwa 12,5.");
    await fireEvent.input(input(), { target: { value: "61" } });
    expect(input().validationMessage).toBe("");
    await rerender({ value: 7.5 });
    expect(input().value).toBe("7,5");
  });
  test("takes times as the page's language writes them", async () => {
    render(Field, { label: "Von", type: "minute", value: "2026-11-29T18:30" });
    expect(input().value).toBe("29.11.2026, 18:30");
    await fireEvent.input(input(), { target: { value: "31.2.2026, 10:00" } });
    expect(input().validationMessage).toBe("So geht es: 29.11.2026, 18:30");
    await fireEvent.input(input(), { target: { value: "" } });
    expect(input().validationMessage).toBe("");
  });
  test("takes days as the page's language writes them, from another one on", async () => {
    render(Field, { label: "Letzter Tag", type: "day", value: "2026-11-29", min: "2026-11-28" });
    expect(input().value).toBe("29.11.2026");
    await fireEvent.input(input(), { target: { value: "27.11.2026" } });
    expect(input().validationMessage).toBe("Erlaubt ist ab 28.11.2026.");
    await fireEvent.input(input(), { target: { value: "28.11.2026" } });
    expect(input().validationMessage).toBe("");
    await fireEvent.input(input(), { target: { value: "11/28/2026" } });
    expect(input().validationMessage).toBe("So geht es: 29.11.2026");
    await fireEvent.input(input(), { target: { value: "" } });
    expect(input().validationMessage).toBe("");
  });
  test("takes times of day, and 24:00 only where a day may end", async () => {
    const { rerender } = render(Field, { label: "Ende", type: "time", value: "08:00" });
    await fireEvent.input(input(), { target: { value: "8.30 Uhr" } });
    expect(input().validationMessage).toBe("");
    await fireEvent.input(input(), { target: { value: "halb neun" } });
    expect(input().validationMessage).toBe("So geht es: 08:30");
    await fireEvent.input(input(), { target: { value: "24:00" } });
    expect(input().validationMessage).toBe("Erlaubt ist bis 23:59.");
    await rerender({ max: "24:00" });
    expect(input().validationMessage).toBe("");
  });
  test("says in the page's language that it is needed", async () => {
    render(Field, { label: "Name", value: "", required: true });
    expect(input().validationMessage).toBe("Das wird gebraucht.");
    await fireEvent.input(input(), { target: { value: "Aula" } });
    expect(input().checkValidity()).toBe(true);
  });
});

test("the week is read with the arrow keys", async () => {
  const histogram = Array.from({ length: 7 }, (_, day) =>
    Array.from({ length: 24 }, (__, hour) => 400 + day * 100 + hour),
  );
  render(Heatmap, { histogram, scale: scales.uba });
  const week = screen.getByRole("group");
  await fireEvent.keyDown(week, { key: "ArrowRight" });
  expect(screen.getByText("Montag, 08–09 Uhr: 408 ppm, gut")).toBeTruthy();
  await fireEvent.keyDown(week, { key: "ArrowUp" });
  expect(screen.getByText("Sonntag, 08–09 Uhr: 1008 ppm, erhöht")).toBeTruthy();
});

test("a tile says its level in words", () => {
  const room = { ...newRoom(), id: "1", name: "Aula", siteId: "1", scale: scales.uba };
  render(RoomTile, {
    state: { room, installations: [], sample: sample(2310, 600), level: "high" },
    href: "/rooms/1",
  });
  expect(screen.getByRole("link").textContent).toMatch(/Aula.*2310.*ppm.*hoch.*vor 10 Minuten/s);
});
