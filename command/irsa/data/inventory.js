const all = selector => [...document.querySelectorAll(selector)];
const rows = all("tbody tr"), heads = all("th"), [field] = all("input");
heads.forEach((head, at) => {
  const text = row => row.cells[at].textContent;
  head.innerHTML = `<button>${head.innerHTML}</button>`;
  head.firstChild.onclick = () => {
    const [order, sign] = head.ariaSort === "ascending" ? ["descending", -1] : ["ascending", 1];
    heads.forEach(each => each.ariaSort = each === head ? order : null);
    rows.sort((a, b) => sign * text(a).localeCompare(text(b), undefined, { numeric: true }));
    all("tbody")[0].append(...rows);
  };
});
field.oninput = () => {
  const words = field.value.toLowerCase().split(/\s+/);
  const fits = each => words.every(word => each.textContent.toLowerCase().includes(word));
  [...rows, ...all(".chains > li")].forEach(each => each.style.display = fits(each) ? "" : "none");
};
field.closest("p").hidden = false;
