// With what an `EventStream` works in a browser, in a page and in a worker alike.

export async function ask(url) {
  const answer = await fetch(url, { cache: "no-store" }).catch(() => null);
  // What is not read keeps its connection.
  await answer?.text().catch(() => "");
  return answer?.ok ? answer.headers : null;
}

export function open(url, listeners) {
  const source = new EventSource(url);
  for (const [kind, listen] of Object.entries(listeners)) source.addEventListener(kind, listen);
  return source;
}
