// Package identity has the accounts: users, their passwords, e-mail addresses,
// sessions and API tokens, and the rules that these follow.
//
// What is secret is kept as a digest only: passwords as argon2id, everything that
// is random (session keys, tokens, keys in mails) as SHA-256. The trap: answers
// must not tell whether an account exists, neither by their text nor by the time
// they take. What a caller may do elsewhere is not decided here but in access.
package identity
