"use strict";
/* Drawing a profile's charts and redrawing them: a slot keeps one chart and refills it, a board keeps all and their scales.
 *
 * Scales hold for all steps (and all runs side by side) of a matrix, so that a slider shows what changes.
 */
(() => {
  /** A place for one chart: drawn once, refilled after, and a sentence in its stead where there is nothing to draw.
   *
   * update(cursor, scale): only the newest wish is carried out where several come while one is drawn.
   */
  function slot(parent, kind, label = "") {
    const notice = SC.el("p", { class: "missing quiet", hidden: true });
    const holder = SC.el("div");
    const title = label ? `${kind.title}: ${label}` : kind.title;
    const element = SC.el("div", { class: "profile-slot" }, holder, notice);
    parent.append(element);
    let view = null;
    let ends = {};
    let wanted = null;
    let working = null;
    async function one(cursor, scale) {
      const why = SC.profiles.lacking(kind, cursor);
      holder.hidden = why !== null;
      notice.hidden = why === null;
      notice.textContent = why === null ? "" : `${title}. ${why}`;
      if (why !== null) return;
      const { datasets, summary } = kind.fill(cursor, scale);
      const sentence = summary + SC.profiles.flaws(kind, cursor);
      const isRescaled = scale !== ends;
      ends = scale;
      if (!view) {
        const edit = (spec) => {
          for (const param of spec.params ?? []) param.value = ends[param.name];
          if (kind.edit) kind.edit(spec, ends);
        };
        view = await SC.chart(holder, kind.spec, datasets, { title, summary: sentence, edit });
        return;
      }
      view = await view.sc.update(datasets, { summary: sentence });
      if (!isRescaled) return;
      for (const name of ["low", "high"]) if (view.getState().signals[name] !== undefined) view.signal(name, scale[name]);
      await view.runAsync();
    }
    async function work() {
      while (wanted) {
        const [cursor, scale] = wanted;
        wanted = null;
        await one(cursor, scale);
      }
      working = null;
    }
    return {
      element,
      update(cursor, scale) {
        wanted = [cursor, scale];
        working ??= work().catch((error) => {
          working = null;
          notice.hidden = false;
          notice.textContent = `${title} could not be drawn: ${error.message}`;
          console.error(error);
        });
        return working;
      },
    };
  }

  /** Slots of charts, one a column, and cursors(), those of the moment; what is on the screen is drawn first. */
  function board(charts, cursors) {
    const scales = new Map();
    const scale = (kind, now) => {
      const key = `${kind.title}\n${kind.isOfAll ? "" : now[0].matrix}`;
      if (!scales.has(key)) scales.set(key, kind.scale(now));
      return scales.get(key);
    };
    const isSeen = ({ slots }) => slots.some(({ element }) => {
      const { top, bottom } = element.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
    let isDrawn = false; // at first all slots are empty, and one after the other can be read the sooner
    return async (isStale) => {
      const now = cursors();
      const update = ({ kind, slots }) => {
        const ends = scale(kind, now);
        return Promise.all(slots.map((slot, i) => slot.update(now[i], ends)));
      };
      const seen = isDrawn ? charts.filter(isSeen) : [];
      await Promise.all(seen.map(update));
      performance.mark("profile-seen");
      for (const chart of charts) {
        if (isStale()) return; // the next refresh brings them
        if (!seen.includes(chart)) await update(chart);
      }
      isDrawn = true;
    };
  }

  /** A refresh that never runs twice at once: the state of the moment is read when the next one starts. It is told when it is stale. */
  function coalesced(refresh) {
    let [running, isAsked] = [null, false];
    return () => {
      isAsked = true;
      running ??= (async () => {
        while (isAsked) {
          isAsked = false;
          const began = performance.now();
          await refresh(() => isAsked);
          performance.measure("profile-refresh", { start: began });
        }
        running = null;
      })();
      return running;
    };
  }

  Object.assign(SC.profiles, { slot, board, coalesced });
})();
