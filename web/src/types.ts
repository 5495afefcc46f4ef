// SPDX-License-Identifier: Apache-2.0
// The shapes that the server speaks.

export type Text = string | { zh?: string; en?: string };
export type Severity = 'red' | 'orange' | 'yellow' | 'blue';
export const severities: Severity[] = ['red', 'orange', 'yellow', 'blue'];

export interface User {
  name: string;
  displayName: string;
  organisation: string;
  area: string;
  roles: string[];
  permissions: string[];
  disabled?: boolean;
}

export interface Level {
  to?: number;
  colour: string;
  title: Text;
}

export interface AttributeModel {
  title?: Text;
  unit?: string;
  unit_code?: string;
  kind?: string;
  value?: string;
  min?: number;
  max?: number;
  decimals?: number;
  chart?: boolean;
  values?: Record<string, Text>;
}

export interface TypeModel {
  title: Text;
  icon?: string;
  colour?: string;
  layer?: boolean;
  name_attribute?: string;
  primary?: string;
  levels?: Level[];
  attributes?: Record<string, AttributeModel>;
  pack?: string;
}

export interface StateModel {
  name?: string;
  title?: Text;
  final?: boolean;
  kind?: string;
}

export interface WorkflowModel {
  title?: Text;
  initial?: string;
  states?: Record<string, StateModel> | StateModel[];
}

export interface RuleSummary {
  name: string;
  pack?: string;
  title: Text;
  kind?: string;
  type?: string;
  severity?: unknown;
  for?: string | number;
}

export interface Model {
  types: Record<string, TypeModel>;
  rules: RuleSummary[];
  workflows: Record<string, WorkflowModel>;
  packs: { name: string; title: Text; version: string }[];
  synthetic: boolean;
  district: Text;
  centre?: [number, number];
  zoom?: number;
}

export interface Point {
  type: string;
  coordinates: unknown;
}

/** An entity in the simplified representation. */
export interface Entity {
  id: string;
  type: string | string[];
  scope?: string | string[];
  location?: Point;
  createdAt?: string;
  modifiedAt?: string;
  [attribute: string]: unknown;
}

/** One change as the stream tells it. */
export interface Change {
  seq: number;
  op: 'create' | 'update' | 'delete';
  id: string;
  type: string[];
  at: string;
  attrs: Record<string, unknown>;
  observedAt?: string;
  gone?: string[];
}

export interface SourceRef {
  id: string;
  type?: string;
  name?: Text;
}

export interface Alarm {
  id: string;
  rule: string;
  title: Text;
  message: Text;
  severity: Severity;
  status: string;
  source: SourceRef;
  startedAt: string;
  clearedAt?: string | null;
  scope?: string | string[] | null;
  location?: Point | null;
  case?: string | null;
  reading?: unknown;
}

export interface Attachment {
  name: string;
  sha256: string;
  size: number;
  type: string;
}

export interface TimelineEntry {
  n: number;
  action: string;
  title?: Text;
  from?: string;
  to?: string;
  by?: string;
  byName?: string;
  at: string;
  role?: string;
  /** What was filled in, for people. */
  fields?: { name: string; title: Text; value: unknown; shown?: Text }[];
  comment?: string;
  attachments?: Attachment[];
}

export interface CaseItem {
  id: string;
  number: string;
  workflow: string;
  state: string;
  stateTitle?: Text;
  title: Text;
  category?: Text;
  severity?: Severity;
  alarm?: string | null;
  source?: SourceRef | string | null;
  location?: Point | null;
  scope?: string | string[] | null;
  assignee?: string | null;
  assigneeName?: string | null;
  department?: Text | null;
  openedAt: string;
  deadline?: string | null;
  overdue?: boolean;
  closedAt?: string | null;
  stateKind?: string | null;
  priority?: number | null;
  description?: Text | null;
}

export interface FormField {
  name: string;
  title: Text;
  kind: 'text' | 'longtext' | 'choice' | 'number' | 'date' | 'user' | 'department' | 'photo';
  required?: boolean;
  options?: { value: string; title: Text }[];
  min?: number;
  max?: number;
}

export interface CaseAction {
  name: string;
  title: Text;
  form?: FormField[];
  to?: string;
  toTitle?: Text;
  comment?: 'optional' | 'required' | 'none';
}

export interface Category {
  code: string;
  title: Text;
  classTitle?: Text;
  kind?: string;
}

export interface CaseDetail extends CaseItem {
  version?: number;
  timeline: TimelineEntry[];
  deadlines?: { name: string; title: Text; due?: string | null; state?: string; overdue?: boolean }[];
  actions: CaseAction[];
  allowed_elsewhere?: { action: string; title?: Text; roles: string[]; why?: Text }[];
}

export interface Rule {
  id?: string;
  pack: string;
  name: string;
  title: Text;
  type?: string;
  kind?: string;
  severity?: unknown;
  case?: string | null;
  enabled: boolean;
  inForce?: boolean;
  definition?: Record<string, unknown>;
}

export interface Import {
  id: string | number;
  input: string;
  state: 'running' | 'done' | 'failed' | 'interrupted';
  bytes?: number;
  totalBytes?: number;
  rows?: number;
  accepted?: number;
  rejected?: number;
  fileName?: string | null;
  startedAt?: string;
  finishedAt?: string;
  reason?: Text | null;
}

export interface Rejection {
  at: string;
  input: string;
  topic?: string;
  payload?: string;
  reason: Text;
  /** The rest of the message was taken in. */
  partial?: boolean;
}

export type SubscriptionState = 'active' | 'delivering' | 'failing' | 'parked' | 'paused' | 'expired';
export const subscriptionStates: SubscriptionState[] = ['active', 'delivering', 'failing', 'parked', 'paused', 'expired'];

export interface Subscription {
  id: string;
  name: string;
  state: SubscriptionState;
  reason: string | null;
  attempts: number;
  endpoint: string;
  types: string[];
  watchedAttributes: string[];
  q: string | null;
  sent: number;
  failed: number;
  behind: number;
  lostTo: number | null;
  lastNotification: string | null;
  lastSuccess: string | null;
  lastFailure: string | null;
  nextAttempt: string | null;
  createdAt: string | null;
  expiresAt: string | null;
}

export interface Delivery {
  at: string;
  outcome: 'ok' | 'failed' | 'lost';
  from?: number;
  to?: number;
  count?: number;
  entities?: string[];
  durationMs?: number;
  status?: number;
  reason?: string;
}

export interface Why {
  seq: number;
  op: 'create' | 'update' | 'delete';
  at: string;
  changed: string[];
  verdict: string;
  text: string;
  note?: string;
  failureReason?: string;
  due?: string;
  delivery?: Delivery;
  conditions: { name: string; holds: boolean; text: string; seen?: unknown; expected?: unknown }[];
}

export interface Input {
  name: string;
  pack?: string;
  title?: Text | null;
  type?: string;
  topic?: string | null;
}

export interface Page<T> {
  total: number;
  items: T[];
  states?: Record<string, number>;
}

export interface Proof {
  leaves: { index: number; leaf: string; inclusion: string[] }[];
  checkpoint: string;
  /** The verifier keys of the log, one a line. */
  keys?: string;
}

export interface Mistake {
  file?: string;
  line?: number;
  sentence?: Text;
}

export interface Pack {
  name: string;
  title?: Text;
  version?: string;
  needs?: string[];
  dir?: string;
  sections?: string[];
}

export interface Packs {
  packs: Pack[];
  loadedAt?: string;
  mistakes?: Mistake[];
}

export interface Role {
  name: string;
  title: Text;
  permissions: string[];
}
