"""What each listing has in it: its style, its icons, its script, and what they are allowed."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2024; --soft: #5b6570; --line: #dfe3e8; --back: #fff; --over: #f2f5f9;
  --link: #0b57d0; --folder: #b7791f; --mark: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ed; --soft: #a0a9b4; --line: #30363d; --back: #14171a; --over: #1f242a;
    --link: #8ab4f8; --folder: #e3b25a; --mark: #ff8a80;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
}
body > svg { position: absolute }
header { margin-bottom: 1rem }
h1 { margin: 0; font-size: .875rem; font-weight: 400; color: var(--soft) }
nav { font-size: 1.25rem; overflow-wrap: anywhere }
nav a, nav b, td a { unicode-bidi: isolate }
p { margin: .5rem 0; color: var(--soft) }
.note {
  padding: .5rem .75rem; border-inline-start: 3px solid var(--folder);
  background: var(--over); color: var(--ink);
}
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px }
i { font: normal .85em ui-monospace, monospace; color: var(--mark) }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
th { padding: 0; text-align: start; border-bottom: 1px solid var(--line) }
td {
  padding: .375rem .5rem; vertical-align: top; border-bottom: 1px solid var(--line);
  color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap;
}
td:first-child { white-space: pre-wrap; overflow-wrap: anywhere; padding-inline-start: 2rem }
th:nth-child(2) { width: 11rem }
th:nth-child(3) { width: 9rem }
th:nth-child(4) { width: 6.5rem }
td:nth-child(n+3), th:nth-child(n+3) { text-align: end }
tbody tr:hover { background: var(--over) }
td svg {
  float: left; width: 1.125rem; height: 1.5rem; margin-left: -1.625rem; color: var(--soft);
}
th.x { padding: .375rem .5rem; font-weight: 600 }
button {
  font: inherit; font-weight: 600; color: inherit; background: none; border: 0;
  padding: .375rem .5rem; cursor: pointer;
}
button:hover { color: var(--link) }
footer button { border: 1px solid var(--line); border-radius: .375rem; padding: .25rem .75rem }
footer form { margin: .75rem 0; color: var(--soft) }
input[type=search] {
  font: inherit; width: 100%; max-width: 24rem; margin: .5rem 0; padding: .375rem .625rem;
  color: inherit; background: var(--back); border: 1px solid var(--soft); border-radius: .375rem;
}
@media (max-width: 44rem) { .x { display: none } }
@media (max-width: 32rem) {
  body { padding-inline: .5rem }
  th:nth-child(2) { width: 9rem }
  th:nth-child(4) { width: 5rem }
  td:nth-child(n+2) { font-size: .875rem; line-height: 1.7 }
  td, button { padding-inline: .25rem }
  td:first-child { padding-inline-start: 1.75rem }
}
"""

SPRITE = (
    '<svg hidden width="0" height="0">'
    '<symbol id="d" viewBox="0 0 18 24"><path fill="var(--folder)" d="M1 7a2 2 0 0 1 2-2h3.5l2 2H15'
    'a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2z"/></symbol>'
    '<symbol id="f" viewBox="0 0 18 24"><path fill="none" stroke="currentColor" stroke-width="1.5"'
    ' stroke-linejoin="round" d="M3.5 4.5h7l4 4v11h-11zm7 0v4h4"/></symbol>'
    '<symbol id="u" viewBox="0 0 18 24"><path fill="none" stroke="currentColor" stroke-width="1.5"'
    ' stroke-linecap="round" stroke-linejoin="round" d="M5 9l4-4 4 4M9 5v13h6"/></symbol></svg>'
)

# All works without it: it adds a field that hides the rows whose names do not have its text.
SCRIPT = """
{
  const nameOf = (row) => row.querySelector("a").textContent;
  const rows = [...document.querySelectorAll("tbody tr")].filter((row) => nameOf(row) !== "../");
  if (rows.length > 9) {
    const field = document.createElement("input"), said = document.createElement("p");
    field.type = "search";
    field.placeholder = "Filter by name";
    field.setAttribute("aria-label", field.placeholder);
    said.setAttribute("role", "status");
    document.querySelector("table").before(field, said);
    const names = rows.map((row) => nameOf(row).toLowerCase());
    field.addEventListener("input", () => {
      const text = field.value.toLowerCase();
      let left = 0;
      rows.forEach((row, place) => {
        row.hidden = !names[place].includes(text);
        left += !row.hidden;
      });
      said.textContent = text ? `${left} of ${rows.length} shown` : "";
    });
  }
}
"""

# Digests of the two above (CSP level 3, section 2.3.1), as tests/site/test_listing_page.py has it.
_STYLE_DIGEST = "sha256-B+Tm7UZerEMFMXzYAmPVQcbNoXqJa0TuPweeVN2Wxog="
_SCRIPT_DIGEST = "sha256-DPHom3tyPcdwQ6ZfltpqtkR1TCSqeSH97+N5vYlKw98="

POLICY = (
    b"Content-Security-Policy",
    (
        f"default-src 'none'; style-src '{_STYLE_DIGEST}'; script-src '{_SCRIPT_DIGEST}';"
        " img-src 'self'; base-uri 'none'; form-action 'self'"
    ).encode(),
)
"""Nothing but the page's own style and script is allowed; a browser may fetch the site's icon."""
