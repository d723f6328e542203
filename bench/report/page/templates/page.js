"use strict";
(() => {
  document.documentElement.classList.add("js");

  for (const block of document.querySelectorAll("pre.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    const text = block.textContent;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        // Not every browser lets a file use the clipboard; the text is then marked, ready to be copied.
        getSelection().selectAllChildren(block.querySelector("code"));
        button.textContent = "marked";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    const frame = document.createElement("div");
    frame.className = "copyable";
    block.replaceWith(frame);
    frame.append(block, button);
  }

  const readings = JSON.parse(document.getElementById("readings").textContent);
  const charts = [...document.querySelectorAll("svg[data-chart]")].map((svg) => ({
    svg,
    line: svg.querySelector(".crosshair"),
    left: Number(svg.dataset.left),
    right: Number(svg.dataset.right),
    start: Number(svg.dataset.start),
    end: Number(svg.dataset.end),
  }));
  let now = null;

  const valueAt = (series, t) => {
    // The points are as far apart as the stretch that each stands for.
    const index = Math.round((t - series.t[0]) / series.w);
    return series.v[index] || "n/a";
  };

  const show = (t) => {
    now = t;
    for (const chart of charts) {
      const x = chart.left + ((t - chart.start) / (chart.end - chart.start)) * (chart.right - chart.left);
      chart.line.setAttribute("x1", x);
      chart.line.setAttribute("x2", x);
      chart.line.classList.add("on");
    }
    for (const readout of document.querySelectorAll(".readout")) {
      const series = Object.entries(readings[readout.dataset.chart]);
      const told = series.map(([name, one]) => `${name} ${valueAt(one, t)}`);
      readout.textContent = `at ${t.toFixed(0)} s: ${told.join(" · ")}`;
    }
  };

  const hide = () => {
    now = null;
    for (const chart of charts) chart.line.classList.remove("on");
    for (const readout of document.querySelectorAll(".readout")) readout.textContent = "";
  };

  for (const chart of charts) {
    chart.svg.addEventListener("pointermove", (event) => {
      const box = chart.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.svg.viewBox.baseVal.width;
      const share = (x - chart.left) / (chart.right - chart.left);
      if (share >= 0 && share <= 1) show(chart.start + share * (chart.end - chart.start));
      else hide();
    });
    chart.svg.addEventListener("pointerleave", hide);
    chart.svg.addEventListener("blur", hide);
    chart.svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const one = (chart.end - chart.start) / 100;
      const from = now === null ? (chart.start + chart.end) / 2 : now;
      show(Math.min(chart.end, Math.max(chart.start, from + step * one)));
    });
  }
})();
