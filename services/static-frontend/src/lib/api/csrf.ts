/**
 * The value that writes must repeat; undefined when nobody is logged in. Where the site is of HTTPS, the cookie
 * has the name that only this host can set; one of the older name may lie beside it.
 */
export function csrfToken(): string | undefined {
  const cookies = document.cookie;
  return (/(?:^|;\s*)__Host-csrftoken=([^;]+)/.exec(cookies) ??
    /(?:^|;\s*)csrftoken=([^;]+)/.exec(cookies))?.[1];
}
