"use strict";
// Shows the samples that match; opens what is folded before it is printed. Without it everything is there to read.
for (const page of document.querySelectorAll(".assay")) {
  const bar = page.querySelector(".filter");
  if (!bar) continue;
  const field = (name) => bar.querySelector(`[data-filter="${name}"]`);
  const samples = [...page.querySelectorAll(".sample")];
  const apply = () => {
    const kind = field("kind").value;
    const lost = field("lost") ? field("lost").value : "";
    const text = field("text").value.toLowerCase();
    let shown = 0;
    for (const sample of samples) {
      const fits =
        (!kind || sample.dataset.kind === kind) &&
        (!lost || sample.dataset.lost.split("\n").includes(lost)) &&
        (!text || sample.textContent.toLowerCase().includes(text));
      sample.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    field("count").textContent = `${shown} of ${samples.length} shown`;
  };
  bar.addEventListener("input", apply);
  bar.hidden = false;
  apply();
}
addEventListener("beforeprint", () => {
  for (const kind of document.querySelectorAll(".assay details.kind")) kind.open = true;
});
