// Other people's words before they reach a screen, a file or a program's environment: shown, not obeyed.

/** Removes what steers a terminal, cuts a string short or changes the order in which it is read. */
export function plainText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '')
}
