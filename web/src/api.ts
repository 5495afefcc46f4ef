// SPDX-License-Identifier: Apache-2.0
// Calls to the server: one place that knows headers, errors and addresses.
import { language } from './preferences';
import type {
  Alarm, Attachment, CaseDetail, Category, CaseItem, Entity, Import, Input, Model, Packs, Page, Proof, Rejection, Role, Rule, Subscription, User, Delivery, Why,
} from './types';
import type { Workflow } from './workflows';

/** A refusal of the server (RFC 7807), or no answer at all (status 0). */
export class Problem extends Error {
  constructor(readonly status: number, readonly title: string, readonly detail: string) {
    super(detail || title);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

let signedOut: () => void = () => {};
/** Tells what to do when the server no longer knows the session. */
export function onSignedOut(call: () => void): void {
  signedOut = call;
}

export function address(path: string, query: Query = {}): string {
  const parts = Object.entries(query)
    .filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false)
    .map(([k, v]) => `${k}=${encodeURIComponent(String(v))}`);
  return parts.length ? `${path}?${parts.join('&')}` : path;
}

async function problemOf(response: Response): Promise<Problem> {
  const body = await response.text();
  try {
    const told = JSON.parse(body) as { title?: string; detail?: string };
    return new Problem(response.status, told.title ?? response.statusText, told.detail ?? '');
  } catch {
    return new Problem(response.status, response.statusText || `HTTP ${response.status}`, '');
  }
}

export async function request(method: string, url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('Accept-Language', language.value === 'zh' ? 'zh-CN' : 'en');
  if (method !== 'GET') headers.set('X-Requested-With', 'zhongshu');
  let response: Response;
  try {
    response = await fetch(url, { ...init, method, headers, credentials: 'same-origin' });
  } catch (reason) {
    if (init.signal?.aborted) throw reason;
    throw new Problem(0, language.value === 'zh' ? '连接不上服务器' : 'The server does not answer', '');
  }
  if (response.ok) return response;
  if (response.status === 401 && !url.startsWith('/api/v1/session')) signedOut();
  throw await problemOf(response);
}

export async function get<T>(url: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await request('GET', address(url, query), { signal })).json() as Promise<T>;
}

async function send<T>(method: string, url: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await request(method, url, body === undefined ? { headers } : {
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

const part = encodeURIComponent;

export const session = {
  read: () => get<{ user: User }>('/api/v1/session'),
  open: (name: string, password: string) => send<{ user: User }>('POST', '/api/v1/session', { name, password }),
  close: () => send<void>('DELETE', '/api/v1/session'),
};

export const readModel = () => get<Model>('/api/v1/model');

export const alarms = {
  path: '/api/v1/alarms',
  list: (query: Query, signal?: AbortSignal) => get<Page<Alarm>>('/api/v1/alarms', query, signal),
  read: (id: string) => get<Alarm>(`/api/v1/alarms/${part(id)}`),
};

export const cases = {
  path: '/api/v1/cases',
  list: (query: Query, signal?: AbortSignal) => get<Page<CaseItem>>('/api/v1/cases', query, signal),
  read: (id: string) => get<CaseDetail>(`/api/v1/cases/${part(id)}`),
  open: (body: unknown) => send<CaseDetail>('POST', '/api/v1/cases', body),
  /** Refused when somebody else has changed the case since that version. */
  act: (id: string, action: string, version: number, body: { form: unknown; comment?: string; attachments: string[] }) =>
    send<CaseDetail>('POST', `/api/v1/cases/${part(id)}/actions/${part(action)}`, body, { 'If-Match': `"${version}"` }),
  comment: (id: string, text: string, attachments: string[]) => send<CaseDetail>('POST', `/api/v1/cases/${part(id)}/comments`, { text, attachments }),
  categories: () => get<{ items: Category[] }>('/api/v1/categories'),
  proof: (id: string) => get<Proof>(`/api/v1/cases/${part(id)}/proof`),
};

export const workflows = () => get<{ items: Workflow[] }>('/api/v1/workflows');

export const ledger = {
  checkpoint: async () => (await request('GET', '/log/checkpoint')).text(),
};

/** Sends one file; told hears how many bytes have gone. */
function sendFile<T>(url: string, file: Blob, headers: Record<string, string>, told?: (sent: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open('POST', url);
    for (const [name, value] of Object.entries(headers)) call.setRequestHeader(name, value);
    call.setRequestHeader('X-Requested-With', 'zhongshu');
    call.setRequestHeader('Accept-Language', language.value === 'zh' ? 'zh-CN' : 'en');
    call.upload.onprogress = (e) => told?.(e.loaded);
    call.onerror = () => reject(new Problem(0, language.value === 'zh' ? '上传中断' : 'The upload broke off', ''));
    call.onload = async () => {
      if (call.status < 300) resolve(JSON.parse(call.responseText) as T);
      else reject(await problemOf(new Response(call.responseText, { status: call.status })));
    };
    call.send(file);
  });
}

export const attachments = {
  path: (sha256: string) => `/api/v1/attachments/${part(sha256)}`,
  send: (file: File, told?: (sent: number) => void) =>
    sendFile<Attachment>('/api/v1/attachments', file, {
      'Content-Type': file.type || 'application/octet-stream',
      'X-Filename': encodeURIComponent(file.name),
    }, told),
};

export const rules = {
  list: () => get<Page<Rule> | Rule[]>('/api/v1/rules'),
  enable: (pack: string, name: string, enabled: boolean) =>
    send<Rule>('PATCH', `/api/v1/rules/${part(pack)}/${part(name)}`, { enabled }),
};

export const imports = {
  list: () => get<Page<Import>>('/api/v1/imports', { limit: 100 }),
  inputs: () => get<Page<Input>>('/api/v1/inputs'),
  send: (input: string, file: File, told: (sent: number) => void) =>
    sendFile<{ id: string }>(address('/api/v1/imports', { input, name: file.name }), file, { 'Content-Type': 'text/csv' }, told),
  rejectedPath: (id: string | number) => `/api/v1/imports/${part(String(id))}/rejected`,
  rejected: (id: string | number, query: Query) =>
    get<Page<Record<string, unknown>>>(`/api/v1/imports/${part(String(id))}/rejected`, query),
};

export const rejections = {
  path: '/api/v1/rejections',
  list: (query: Query, signal?: AbortSignal) => get<Page<Rejection>>('/api/v1/rejections', query, signal),
};

const subscriptionPath = (id: string) => `/ngsi-ld/v1/subscriptions/${part(id)}`;
export const subscriptions = {
  path: '/api/v1/subscriptions',
  list: (query: Query, signal?: AbortSignal) => get<Page<Subscription>>('/api/v1/subscriptions', query, signal),
  definition: (id: string) => get<Record<string, unknown>>(subscriptionPath(id)),
  activate: (id: string, isActive: boolean) => send<void>('PATCH', subscriptionPath(id), { isActive }),
  deliveries: (id: string) => get<Page<Delivery> & { since: string }>(`/api/v1/subscriptions/${part(id)}/deliveries`),
  why: (id: string, entity: string, seq: string) => get<Why>(`/api/v1/subscriptions/${part(id)}/why`, { entity, seq }),
};

export const packs = {
  list: () => get<Packs>('/api/v1/packs'),
  reload: () => send<Packs>('POST', '/api/v1/packs/reload'),
};

export const users = {
  list: () => get<Page<User> | User[]>('/api/v1/users', { limit: 1000 }),
  roles: () => get<Page<Role> | Role[]>('/api/v1/roles'),
  add: (body: Partial<User> & { password: string }) => send<User>('POST', '/api/v1/users', body),
  change: (name: string, body: Partial<User>) => send<User>('PATCH', `/api/v1/users/${part(name)}`, body),
  password: (name: string, body: { password: string; current?: string }) => send<void>('POST', `/api/v1/users/${part(name)}/password`, body),
  remove: (name: string) => send<void>('DELETE', `/api/v1/users/${part(name)}`),
};

/** Lists come as {items} or bare. */
export const itemsOf = <T>(answer: Page<T> | T[]): T[] => (Array.isArray(answer) ? answer : answer.items ?? []);

const ngsi = '/ngsi-ld/v1';

export const entities = {
  async list(query: Query, signal?: AbortSignal): Promise<Page<Entity>> {
    const url = address(`${ngsi}/entities`, { format: 'simplified', options: 'sysAttrs', count: true, ...query });
    const response = await request('GET', url, { signal });
    const items = (await response.json()) as Entity[];
    return { items, total: Number(response.headers.get('NGSILD-Results-Count') ?? items.length) };
  },
  read: (id: string) => get<Entity>(`${ngsi}/entities/${part(id)}`, { format: 'simplified', options: 'sysAttrs' }),
  /** With the members observedAt, unitCode and so on of each attribute. */
  readFull: (id: string) => get<Record<string, unknown>>(`${ngsi}/entities/${part(id)}`, { format: 'normalized', options: 'sysAttrs' }),
};

export type Series = [value: unknown, at: string][];
export interface Aggregate {
  avg: Series;
  min: Series;
  max: Series;
}

export const history = {
  async values(id: string, attribute: string, from: string, to: string, lastN?: number): Promise<Series> {
    const answer = await get<Record<string, { values?: Series }>>(`${ngsi}/temporal/entities/${part(id)}`, {
      attrs: attribute, timerel: 'between', timeAt: from, endTimeAt: to, format: 'temporalValues', lastN,
    });
    return answer[attribute]?.values ?? [];
  },
  async aggregated(id: string, attribute: string, from: string, to: string, period: string): Promise<Aggregate> {
    const answer = await get<Record<string, Partial<Aggregate>>>(`${ngsi}/temporal/entities/${part(id)}`, {
      attrs: attribute, timerel: 'between', timeAt: from, endTimeAt: to, format: 'aggregatedValues',
      aggrMethods: 'avg,min,max', aggrPeriodDuration: period,
    });
    const found = answer[attribute] ?? {};
    return { avg: found.avg ?? [], min: found.min ?? [], max: found.max ?? [] };
  },
  /** The address of a file of one entity's history, or of all entities of a type; tables have the district's time. */
  file(wanted: { id?: string; type?: string; pick?: string; from: string; to: string; format: string; charset?: string; lang: string }): string {
    const { id, from, to, ...rest } = wanted;
    const path = id ? `/api/v1/history/${part(id)}` : '/api/v1/history';
    return address(path, { ...rest, timerel: 'between', timeAt: from, endTimeAt: to, zone: wanted.format === 'csv' ? '+08:00' : undefined });
  },
};
