// Package hostile attacks a running stack as people would who mean it no good: a
// stranger, a member of an organization, a device, and whoever embeds our pages. Each
// has a file. Tests count what they tried and print what was held; docs/security.md
// says which promise each of them is about.
package hostile
