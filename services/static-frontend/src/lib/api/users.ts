// People with an account.
import { attributes, text } from "./attributes";
import { get, request, type Resource } from "./client";

export interface User {
  id: string;
  username: string;
  email: string;
  firstName: string;
  lastName: string;
}

function toUser(resource: Resource): User {
  const { id } = resource;
  const a = attributes<"User">(resource);
  return {
    id,
    username: text(a.username),
    email: text(a.email),
    firstName: text(a.first_name),
    lastName: text(a.last_name),
  };
}

export async function fetchMe(signal?: AbortSignal): Promise<User> {
  return toUser((await get("auth/user/", {}, signal)).data);
}

export const logOut = () => request<unknown>("POST", "auth/logout/", {});
