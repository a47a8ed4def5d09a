// The service's HTTP interface, as far as this page uses it. Every failure becomes an `ApiError` with its remedy.

export interface InputFile { name: string; bytes: number }
export interface Artifact { name: string; url: string; media_type: string; bytes: number }
export interface Problem { code: string; title: string; detail: string; retryable?: boolean }
export interface Job {
  id: string;
  kind: string;
  status: "queued" | "running" | "canceling" | "succeeded" | "failed" | "canceled" | "expired";
  stage: string | null;
  progress: number;
  queue_position: number | null;
  eta_s: number | null;
  retry_reason: string | null;
  created_at: string;
  finished_at: string | null;
  input: { motion: InputFile[]; character: InputFile[]; assets: Record<string, string> };
  options: Record<string, unknown>;
  result: { artifacts: Artifact[]; verdict: Verdict | null; scores: Scores | null; inspection: unknown } | null;
  error: Problem | null;
}
export type Verdict = "pass" | "review" | "fail";
export type Scores = Record<string, unknown>;
export type Report = Record<string, any>;
export interface Asset { id: string; files: InputFile[] }
export type AssetKind = "motions" | "characters";

const KEY = "retarget-studio-key";
const POLL_MS = 1000;
const FINAL = new Set(["succeeded", "failed", "canceled", "expired"]);

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export const key = {
  get: (): string => sessionStorage.getItem(KEY) ?? "",
  set: (value: string): void => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

export const isFinal = (job: Job): boolean => FINAL.has(job.status);
export const nameOf = (files: InputFile[]): string => files[0]?.name ?? "?";
export const artifactOf = (job: Job, name: string): Artifact | undefined =>
  job.result?.artifacts.find((artifact) => artifact.name === name);

function headers(): Record<string, string> {
  return key.get() ? { Authorization: `Bearer ${key.get()}` } : {};
}

/** The answer of a request. Throws ApiError: what the problem document says, or that the service does not answer. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers: { ...headers(), ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the service does not answer; see whether it still runs, then try again");
  }
  if (!answer.ok) throw await problemOf(answer.status, await answer.text());
  return answer;
}

function problemOf(status: number, body: string): ApiError {
  try {
    const problem = JSON.parse(body) as Problem;
    return new ApiError(status, problem.code, problem.detail || problem.title);
  } catch {
    return new ApiError(status, "unknown", `the service answered ${status}`);
  }
}

const json = async <Result>(path: string, init?: RequestInit): Promise<Result> =>
  (await (await request(path, init)).json()) as Result;

const send = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** Stores a file; `onShare` hears how much of it is sent. A zip may hold a glTF and the files beside it. */
export function store(kind: AssetKind, files: File[], onShare: (share: number) => void): Promise<Asset> {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest(); // fetch does not tell how much was sent
    sending.open("POST", `/v1/${kind}`);
    for (const [name, value] of Object.entries(headers())) sending.setRequestHeader(name, value);
    sending.upload.onprogress = (event) => event.lengthComputable && onShare(event.loaded / event.total);
    sending.onload = () =>
      sending.status < 300 ? resolve(JSON.parse(sending.responseText)) : reject(problemOf(sending.status, sending.responseText));
    sending.onerror = () => reject(new ApiError(0, "unreachable", "the upload broke off; try again"));
    sending.send(form);
  });
}

export const post = (motion: string, character: string, options: Record<string, unknown>): Promise<Job> =>
  json<Job>("/v1/jobs", send("POST", { motion, character, options }));
export const job = (id: string): Promise<Job> => json<Job>(`/v1/jobs/${id}`);
export const report = (id: string): Promise<Report> => json<Report>(`/v1/jobs/${id}/report`);
export const cancel = (id: string): Promise<Response> => request(`/v1/jobs/${id}/cancel`, { method: "POST" });
export const retry = (id: string): Promise<Job> => json<Job>(`/v1/jobs/${id}/retry`, { method: "POST" });
export const openapi = (): Promise<any> => json("/openapi.json");
export const bytes = async (url: string): Promise<ArrayBuffer> => (await request(url)).arrayBuffer();
export const savePreset = (name: string, fingerprint: string, mapping: Record<string, unknown>): Promise<unknown> =>
  json("/v1/mappings", send("POST", { name, fingerprint, mapping }));

/** The newest jobs of one kind, `limit` at most, over as many pages as it takes. */
export async function jobs(limit: number, status = ""): Promise<Job[]> {
  const found: Job[] = [];
  let cursor: string | null = "";
  while (cursor !== null && found.length < limit) {
    const query = new URLSearchParams({ kind: "retarget", limit: String(Math.min(100, limit - found.length)) });
    if (status) query.set("status", status);
    if (cursor) query.set("cursor", cursor);
    const page: { data: Job[]; next_cursor: string | null } = await json(`/v1/jobs?${query}`);
    found.push(...page.data);
    cursor = page.next_cursor;
  }
  return found;
}

/** Follows a job to its end: by server-sent events, and by polling where they do not come through. */
export async function follow(id: string, onChange: (job: Job) => void, signal: AbortSignal): Promise<Job> {
  let last = await job(id);
  onChange(last);
  try {
    for await (const event of events(id, signal)) {
      last = event.name === "done" ? (event.data as Job) : { ...last, ...(event.data as Partial<Job>) };
      onChange(last);
      if (isFinal(last)) return await job(id);
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  for (;;) {
    last = await job(id);
    onChange(last);
    if (isFinal(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    signal.throwIfAborted();
  }
}

/** The stream of events. Not `EventSource`: that cannot send a key. */
async function* events(id: string, signal: AbortSignal): AsyncGenerator<{ name: string; data: unknown }> {
  const answer = await request(`/v1/jobs/${id}/events`, { signal });
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held = (held + value).replaceAll("\r\n", "\n");
    for (let end = held.indexOf("\n\n"); end >= 0; end = held.indexOf("\n\n")) {
      const lines = held.slice(0, end).split("\n");
      held = held.slice(end + 2);
      const field = (name: string) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join("\n");
      if (field("data")) yield { name: field("event"), data: JSON.parse(field("data")) };
    }
  }
}

/** Hands a result to the browser's downloads; a link could not carry the key. */
export async function download(artifact: Artifact): Promise<void> {
  const address = URL.createObjectURL(new Blob([await bytes(artifact.url)], { type: artifact.media_type }));
  const link = Object.assign(document.createElement("a"), { href: address, download: artifact.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
