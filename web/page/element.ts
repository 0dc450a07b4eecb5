// Elements made of text: nothing here parses HTML.

export function element(name: string, content: string | readonly Node[], className = ""): HTMLElement {
  const out = document.createElement(name);
  if (typeof content === "string") out.textContent = content;
  else out.append(...content);
  if (className !== "") out.className = className;
  return out;
}

export const list = (items: readonly (string | Node)[]): HTMLElement =>
  element("ul", items.map((item) => (typeof item === "string" ? element("li", item) : element("li", [item]))));
