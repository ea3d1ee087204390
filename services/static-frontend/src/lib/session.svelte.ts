// Who is logged in, and for which organizations.
import { ApiError } from "./api/client";
import { fetchUserMemberships, type Membership } from "./api/organizations";
import { fetchMe, logOut, type User } from "./api/users";
import { recall, remember } from "./i18n/index.svelte";
import { router } from "./router.svelte";

const REMEMBERED = "clair-organization";
const LOGGED_IN = "clair-logged-in";

export const loginUrl = () => `/accounts/login/?next=${encodeURIComponent(router.path)}`;

class Session {
  user = $state.raw<User | null>(null);
  memberships = $state.raw<Membership[]>([]);
  loading = $state(false);
  error = $state.raw<unknown>();
  /** Somebody logged in with this browser, and not out again, as far as these pages saw: no reason to ask the server. */
  known = $state(recall(LOGGED_IN) !== null);

  #know(known: boolean): void {
    this.known = known;
    remember(LOGGED_IN, known ? "1" : null);
  }

  /** Asks who is logged in; whoever is not goes to the log-in page and comes back. */
  load = async (): Promise<void> => {
    this.loading = true;
    this.error = undefined;
    try {
      const user = await fetchMe();
      this.memberships = await fetchUserMemberships(user.id);
      this.user = user;
      this.#know(true);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#know(false);
        location.assign(loginUrl());
        return;
      }
      this.error = error;
    }
    this.loading = false;
  };

  /** Asks whether that still holds: people log out on managair's pages, in another tab, or elsewhere. */
  confirm = async (again = false): Promise<void> => {
    if (!this.known || this.loading || (this.user && !again)) return;
    try {
      await fetchMe();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) return;
      this.#know(false);
      this.user = null;
    }
  };

  /** What another tab has found out. */
  told = ({ key, newValue }: { key: string | null; newValue: string | null }): void => {
    if (key === LOGGED_IN) this.known = newValue !== null;
  };

  /** Logs out, and goes to the first page. */
  leave = async (): Promise<void> => {
    await logOut().catch(() => undefined);
    this.#know(false);
    location.assign("/");
  };

  membership(organization: string): Membership | undefined {
    return this.memberships.find((one) => one.organizationId === organization);
  }

  /** The organization looked at last, or the first. */
  get home(): string | null {
    const last = recall(REMEMBERED);
    return (last && this.membership(last)?.organizationId) ?? this.memberships[0]?.organizationId ?? null;
  }

  visit(organization: string): void {
    remember(REMEMBERED, organization);
  }
}
export const session = new Session();
