"use strict";
/* Papers x claims: a row a paper, a tile a verdict, arrow keys from tile to tile.
 *
 * Tiles are made for what is near the screen; the rest keeps its room and is made when it comes near, so that a hundred thousand
 * verdicts scroll.
 */
SC.grid = (() => {
  const C = SC.claims;
  const CHUNK = 600; // tiles drawn at a time
  const AT_ONCE = 700; // tiles drawn before the page is shown
  let lastClaim = null; // the tile to come back to
  let flips = new Set(); // rows that carry the mark of a flip

  function byPaper(rows, sort) {
    const groups = new Map();
    const column = C.all().columns.paper;
    for (const i of rows) {
      if (groups.has(column[i])) groups.get(column[i]).push(i);
      else groups.set(column[i], [i]);
    }
    const rank = (i) => C.ORDER[C.kind(i)];
    if (sort === "verdict") for (const group of groups.values()) group.sort((a, b) => rank(a) - rank(b) || a - b);
    return [...groups.values()];
  }

  function draw(rows, state, inspector) {
    const made = SC.el("div", { class: "grid", role: "grid", "aria-label": "Verdicts: a row a paper, a cell a claim" });
    let left = AT_ONCE;
    const chunks = [];
    const watch = new IntersectionObserver(
      (seen) => {
        for (const { isIntersecting, target } of seen) if (isIntersecting) drawChunk(target);
      },
      { rootMargin: "1200px" },
    );
    SC.leave(() => watch.disconnect());
    const groups = byPaper(rows, state.sort);
    made.setAttribute("aria-rowcount", String(groups.length));
    groups.forEach((group, number) => {
      const paper = C.at("paper", group[0]);
      const row = SC.el("div", { class: "paper", role: "row", "aria-rowindex": String(number + 1) }, head(paper, group));
      for (let from = 0; from < group.length; from += CHUNK) {
        const chunk = SC.el("div", { class: "cells", role: "presentation" });
        chunk.rows = group.slice(from, from + CHUNK);
        chunks.push(chunk);
        row.append(chunk);
      }
      made.append(row);
    });
    function drawChunk(chunk) {
      if (!chunk.rows || chunk.firstChild) return;
      watch.unobserve(chunk);
      chunk.style.minHeight = "";
      chunk.append(...chunk.rows.map((index) => tile(index)));
    }
    for (const chunk of chunks) {
      if (left > 0) drawChunk(chunk);
      else {
        chunk.style.minHeight = `${Math.ceil(chunk.rows.length / 38) * 29}px`;
        watch.observe(chunk);
      }
      left -= chunk.rows.length;
    }
    const first = made.querySelector("a.tile");
    if (first) first.tabIndex = 0;
    steer(made, chunks, drawChunk, inspector);
    const all = () => {
      if (rows.length <= 5000) chunks.forEach(drawChunk);
    };
    window.addEventListener("beforeprint", all);
    SC.leave(() => window.removeEventListener("beforeprint", all));
    made.drawTile = (index) => {
      const chunk = chunks.find((c) => c.rows.includes(index));
      if (chunk) drawChunk(chunk);
    };
    return made;
  }

  /** What the marks on tiles mean, where there are any. */
  function marksOf(rows) {
    const any = (passes) => rows.some(passes);
    const key = (mark, words) =>
      SC.el(
        "span",
        {},
        SC.el("span", { class: `tile inconclusive ${mark}`, "aria-hidden": "true" }, mark === "unexpected" ? "?" : ""),
        ` ${words} `,
      );
    return [
      any((i) => C.at("as_expected", i) === false) ? key("unexpected", "other than expected") : "",
      any((i) => C.at("gone", i) !== null) ? key("gone", "no longer measured") : "",
      flips.size && any((i) => flips.has(i)) ? key("flipped", "flipped") : "",
    ].filter(Boolean);
  }

  function head(paper, group) {
    const counts = Object.keys(C.KINDS)
      .map((kind) => [kind, group.filter((i) => C.kind(i) === kind).length])
      .filter(([, n]) => n);
    return SC.el(
      "div",
      { class: "paper-head", role: "rowheader" },
      SC.el(
        "a",
        {
          href: SC.link("claims", `paper=${paper}`, "view=list", "scale=all"),
          title: SC.data("page").papers[paper]?.title ?? paper,
        },
        paper,
      ),
      SC.el(
        "span",
        { class: "paper-counts" },
        counts.map(([kind, n]) =>
          SC.el(
            "span",
            { class: `count ${kind}` },
            SC.el("span", { class: "glyph", "aria-hidden": "true" }, C.KINDS[kind].glyph),
            String(n),
            SC.text("span", ` ${C.KINDS[kind].label} `, "unseen"),
          ),
        ),
      ),
    );
  }

  function tile(index) {
    const kind = C.kind(index);
    const marks = [
      flips.has(index) ? "flipped" : "",
      C.at("as_expected", index) === false ? "unexpected" : "",
      C.at("gone", index) !== null ? "gone" : "",
    ].filter(Boolean);
    const told = { flipped: "changed", unexpected: "not as expected", gone: "no longer measured" };
    return SC.el(
      "div",
      { role: "gridcell" },
      SC.el(
        "a",
        {
          class: ["tile", kind, ...marks].join(" "),
          href: C.linkTo(index),
          tabindex: "-1",
          dataset: { claim: index },
          "aria-label": [
            `${C.short(index)}, ${C.at("scale", index)}: ${C.KINDS[kind].label}`,
            ...marks.map((mark) => told[mark]),
          ].join(", "),
        },
        C.KINDS[kind].glyph,
      ),
    );
  }

  /** Arrow keys in the grid, and the line that says what is under the pointer or in focus. */
  function steer(made, chunks, drawChunk, inspector) {
    const tell = (link) => {
      if (!link) return;
      const index = Number(link.dataset.claim);
      inspector.hidden = false;
      inspector.replaceChildren(
        C.badge(C.kind(index), C.at("reason", index)),
        SC.text("b", ` ${C.at("claim_id", index)} `),
        SC.text("span", `[${C.at("scale", index)}] `, "quiet"),
        SC.text("span", C.at("says", index)),
        SC.text("span", ` ${C.numbers(index)}`, "numbers"),
      );
    };
    made.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "touch") tell(event.target.closest("a.tile"));
    });
    made.addEventListener("focusin", (event) => {
      const link = event.target.closest("a.tile");
      if (!link) return;
      for (const other of made.querySelectorAll('a.tile[tabindex="0"]')) other.tabIndex = -1;
      link.tabIndex = 0;
      lastClaim = Number(link.dataset.claim);
      tell(link);
    });
    made.addEventListener("click", (event) => {
      const link = event.target.closest("a.tile");
      if (link) lastClaim = Number(link.dataset.claim);
    });
    const step = (chunk, place, key) => {
      const number = chunks.indexOf(chunk);
      const wide = [...chunk.children].findIndex((cell, i) => i && cell.offsetTop > chunk.children[0].offsetTop);
      const columns = wide > 0 ? wide : chunk.children.length;
      const own = (at) => chunk.rows.length > at && at >= 0;
      const other = (by) => {
        const next = chunks[number + by];
        if (!next) return null;
        drawChunk(next);
        const lastLine = Math.floor((next.children.length - 1) / columns) * columns;
        return next.children[Math.min(next.children.length - 1, (by > 0 ? 0 : lastLine) + (place % columns))];
      };
      if (key === "ArrowRight") return own(place + 1) ? chunk.children[place + 1] : firstOf(chunks[number + 1], drawChunk);
      if (key === "ArrowLeft") return own(place - 1) ? chunk.children[place - 1] : lastOf(chunks[number - 1], drawChunk);
      if (key === "ArrowDown")
        return own(place + columns)
          ? chunk.children[place + columns]
          : Math.floor(place / columns) < Math.floor((chunk.children.length - 1) / columns)
            ? chunk.lastChild
            : other(1);
      if (key === "ArrowUp") return own(place - columns) ? chunk.children[place - columns] : other(-1);
      if (key === "Home") return chunk.firstChild;
      return key === "End" ? chunk.lastChild : null;
    };
    made.addEventListener("keydown", (event) => {
      const link = event.target.closest("a.tile");
      if (!link || event.ctrlKey || event.metaKey || event.altKey || !/^(Arrow|Home|End)/.test(event.key)) return;
      const chunk = link.closest(".cells");
      const next = step(chunk, [...chunk.children].indexOf(link.parentElement), event.key);
      event.preventDefault();
      if (next) next.firstChild.focus();
    });
  }

  function firstOf(chunk, draw) {
    if (chunk) draw(chunk);
    return chunk ? chunk.firstChild : null;
  }

  function lastOf(chunk, draw) {
    if (chunk) draw(chunk);
    return chunk ? chunk.lastChild : null;
  }

  /** Back from a claim: its tile has the focus again. */
  function comeBack(element) {
    const made = element.querySelector(".grid");
    if (!made || lastClaim === null) return;
    made.drawTile(lastClaim);
    const link = made.querySelector(`a.tile[data-claim="${lastClaim}"]`);
    if (link) link.focus();
  }

  /** Which rows flipped, for the tiles that are drawn from now on. */
  function setFlips(found) {
    flips = found;
  }

  return { draw, marksOf, comeBack, setFlips };
})();
