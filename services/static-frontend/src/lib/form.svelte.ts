// Sending a form: once at a time, with the server's objections at their fields.
import { ApiError } from "./api/client";
import { t } from "./i18n/index.svelte";

export class Form {
  busy = $state(false);
  #error = $state.raw<unknown>();

  /** Runs what sends the form; true when it went well. */
  send = async (action: () => Promise<unknown>): Promise<boolean> => {
    if (this.busy) return false;
    this.busy = true;
    this.#error = undefined;
    try {
      await action();
      return true;
    } catch (error) {
      this.#error = error;
      return false;
    } finally {
      this.busy = false;
    }
  };

  /** What is wrong with a field, by its name in the API. */
  wrong(...fields: string[]): string | undefined {
    const error = this.#error;
    if (!(error instanceof ApiError)) return undefined;
    for (const field of fields) {
      const text = error.about(field);
      if (text) return text;
    }
    return undefined;
  }

  /** What is wrong and belongs to none of these fields. */
  general(...fields: string[]): string | undefined {
    if (!this.#error || this.wrong(...fields)) return undefined;
    return problemText(this.#error);
  }
}

/** What went wrong, in words for people. */
export function problemText(error: unknown): string {
  if (!(error instanceof ApiError)) return t("problem.server");
  if (error.status === 0) return t("problem.offlineHint");
  if (error.status === 401) return t("problem.loggedOut");
  if (error.status === 403) return t("problem.forbidden");
  if (error.status >= 500) return t("problem.serverHint");
  return error.errors[0]?.detail ?? t("problem.serverHint");
}
