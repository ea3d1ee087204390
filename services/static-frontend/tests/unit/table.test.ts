// Whether there would be a table, before a browser is sent to save it.
import { afterEach, expect, test, vi } from "vitest";
import { checkTable, tableUrl } from "../../src/lib/api/samples";

const query = {
  from: 1,
  to: null,
  resolution: "raw",
  file: "csv",
  for: "people",
  lang: "de",
  sheets: "rooms",
} as const;

afterEach(() => vi.unstubAllGlobals());

test("a table that there is on the second question is not read", async () => {
  const cancel = vi.fn();
  const body = new ReadableStream({ cancel });
  vi.stubGlobal("fetch", (_: string, { method }: RequestInit) =>
    Promise.resolve(method === "HEAD" ? new Response(null, { status: 400 }) : new Response(body)),
  );
  await checkTable("room", "1", query);
  expect(cancel).toHaveBeenCalledOnce();
});

test("a body says what is wrong", async () => {
  const errors = [{ status: "400", code: "too_many_rows", detail: "Zu viele Zeilen" }];
  vi.stubGlobal("fetch", (_: string, { method }: RequestInit) =>
    Promise.resolve(new Response(method === "HEAD" ? null : JSON.stringify({ errors }), { status: 400 })),
  );
  await expect(checkTable("room", "1", query)).rejects.toThrow("Zu viele Zeilen");
});

test("only what a kind of file knows is asked of it", () => {
  const url = (file: "xlsx" | "csv" | "parquet") => tableUrl("room", "1", { ...query, file });
  expect(url("csv")).toMatch(/timeseries\.csv\/\?filter%5Bfrom%5D=1&resolution=raw&for=people&lang=de$/);
  expect(url("xlsx")).toMatch(/timeseries\.xlsx\/\?filter%5Bfrom%5D=1&resolution=raw&lang=de$/);
  expect(url("parquet")).toMatch(/timeseries\.parquet\/\?filter%5Bfrom%5D=1&resolution=raw$/);
});
