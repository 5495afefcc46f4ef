// SPDX-License-Identifier: Apache-2.0
// The texts of the front end in English.
import type zh from './zh';

const en: typeof zh = {
  product: 'Zhongshu',
  productLong: 'City intelligence hub',
  synthetic: 'Synthetic demo data',
  syntheticLong: 'All devices and readings are synthetic demo data, not measurements',
  nav: {
    label: 'Main', situation: 'Situation', alarms: 'Alarms', cases: 'Cases', devices: 'Devices', rules: 'Rules', imports: 'Import',
    rejections: 'Rejected', subscriptions: 'Subscriptions', packs: 'Packs', users: 'Accounts', more: 'More', skip: 'Skip to content',
  },
  live: { live: 'Live', connecting: 'Connecting', broken: 'Disconnected, reconnecting', off: 'Not connected' },
  user: { signOut: 'Sign out', theme: 'Switch to {next} theme', dark: 'dark', light: 'light', language: '切换为中文', menu: 'Account' },
  signIn: {
    title: 'Sign in', name: 'Account', password: 'Password', enter: 'Sign in', wait: 'Signing in…', ended: 'Your session has ended. Please sign in again.',
    show: 'Show password', lead: 'Sense, judge, act and prove, on one screen.',
  },
  severity: { red: 'Red', orange: 'Orange', yellow: 'Yellow', blue: 'Blue', label: 'Severity', short: { red: 'R', orange: 'O', yellow: 'Y', blue: 'B' } },
  common: {
    all: 'All', search: 'Search', clear: 'Clear filters', retry: 'Try again', close: 'Close', cancel: 'Cancel', confirm: 'OK',
    save: 'Save', remove: 'Delete', export: 'Export CSV', loading: 'Loading', yes: 'Yes', no: 'No', open: 'Open',
    total: '{n} in all', page: 'Page {page} of {pages}', prev: 'Previous page', next: 'Next page', sortBy: 'Sort by {name}',
    time: 'Time', name: 'Name', type: 'Type', place: 'Place', state: 'State', source: 'Source', actions: 'Actions',
    updated: 'Updated', required: 'required', optional: 'optional', loadFailed: 'Could not load', details: 'Details',
    missing: 'Not found', notFound: 'There is no such page', notFoundWhat: 'The address may be wrong, or its subject was deleted.', home: 'To the situation', forbidden: 'Not permitted',
    forbiddenWhat: 'This account may not see this page. Ask an administrator.', street: 'Street',
  },
  situation: {
    title: 'Situation', devices: 'Devices', silent: 'Silent', alarming: 'In alarm', activeAlarms: 'Active alarms', openCases: 'Open cases',
    overdue: 'Overdue', onlineRate: 'online', layers: 'Layers', newestAlarms: 'Newest alarms', newestCases: 'Newest cases',
    onlyAlarming: 'In alarm only', findDevice: 'Find a device', byLevel: 'By level', byStreet: 'Alarms by street', noAlarms: 'No alarms now',
    noAlarmsWhat: 'They appear here by themselves when something is wrong.', noCases: 'No cases now', noCasesWhat: 'They appear here when alarms or people open them.', noDevices: 'No devices yet',
    noDevicesWhat: 'Connect devices or import data and they appear on the map.', noMap: 'This browser cannot draw the map', noMapWhat: 'It needs WebGL. The table shows every device too.',
    showTable: 'Show as table', showMap: 'Show as map', zoomHome: 'Whole district', noneMatch: 'No device matches', ring: 'The ring tells the severity of the alarm',
    grey: 'Grey devices are silent', more: 'See all',
    mapLabel: 'Map of all devices. “Table” shows the same as a list.', primary: 'Main value', noBase: 'No base map; devices only',
  },
  alarms: {
    title: 'Alarms', active: 'Active', cleared: 'Cleared', status: 'Status', rule: 'Rule', started: 'Began', clearedAt: 'Cleared', duration: 'Lasted', case: 'Case',
    empty: 'No alarm matches', emptyWhat: 'Widen the filters, or wait for new alarms.', searchHint: 'Title, message, device', since: 'From', until: 'Until', reading: 'Reading that raised it',
  },
  cases: {
    title: 'Cases', number: 'Number', category: 'Category', assignee: 'Assignee', department: 'Department', opened: 'Opened', remaining: 'Time left',
    overdueBy: 'Overdue {span}', left: '{span} left', closed: 'Closed', mine: 'For me', me: 'me', onlyOverdue: 'Overdue only', empty: 'No case matches',
    emptyWhat: 'Widen the filters, or wait for new cases.', workflow: 'Workflow', searchHint: 'Number, title', open: 'Open a case', headline: 'Title', workflowHint: 'Workflow',
    registered: 'Case {number} is open', describe: 'Description', scopeHint: 'Such as /渝中区/大坪街道',
  },
  case: {
    timeline: 'What was done', steps: 'Progress', act: 'Act', comment: 'Comment', commentHint: 'Visible to everyone on this case', sendComment: 'Send', noActions: 'Nothing for you to do now',
    remark: 'Remark', elsewhere: 'For others: ', attachments: 'Attachments', attach: 'Attach a file', photo: 'Take a photo', uploading: 'Uploading',
    proof: 'Evidence', proofLead: 'Every step is written to the evidence log, which nobody can quietly edit. Your browser recomputes the hashes here and compares them with the checkpoint.', verify: 'Verify', verifying: 'Verifying…',
    proven: 'All {n} entries verified', refuted: '{n} entries failed verification', noLeaves: 'Nothing is in the evidence log yet. Try again shortly.', checkpoint: 'Checkpoint', size: 'Entries', root: 'Root hash',
    leaf: 'Evidence log, leaf {n}', proved: 'Verified', broken: 'Verification failed', noProof: 'Cannot verify', changedMeanwhile: 'Someone else changed this case. Look again before you submit.', doneAction: 'Done: {title}', opened: 'Opened',
    system: 'System', unsigned: 'The signature of the checkpoint is not valid', uncovered: '{n} steps are not in the evidence log yet', bookkeeping: 'Record updated', signed: 'signature valid (Ed25519)', sameCheckpoint: 'Same as the public checkpoint', otherCheckpoint: 'Older than the public checkpoint', noTimeline: 'Nothing was done yet', alarm: 'Alarm',
    fields: 'Summary', formOf: 'Act: {title}', submit: 'Submit', choose: 'Choose', requiredField: 'Please fill in “{name}”',
  },
  entity: {
    values: 'Live values', history: 'History', range: 'Time range', custom: 'Custom', from: 'From', to: 'To', apply: 'Apply', noHistory: 'No data in this time',
    noHistoryWhat: 'Try a longer range.', alarms: 'Alarms', cases: 'Cases', gone: 'The device does not exist or was deleted', average: 'Average', minimum: 'Minimum',
    maximum: 'Maximum', noAlarms: 'No alarms', noCases: 'No cases', identifier: 'Identifier', noChart: 'Nothing here can be drawn as a chart', pointsAre: 'each point the average of {span}', info: 'Record',
    noneLocated: 'No location known', exportHistory: 'Export history', which: 'Values', allValues: 'All values', format: 'Format', download: 'Download',
    formats: { csv: 'CSV table (opens in Excel and WPS)', gb18030: 'CSV table in GB18030 (older programs)', ndjson: 'JSON Lines (a line a moment)', geojson: 'GeoJSON (with places)' },
  },
  devices: { title: 'Devices', empty: 'No device matches', emptyWhat: 'Choose another type or clear the filters.', search: 'Name or identifier', last: 'Updated', level: 'Level', alarm: 'Alarm' },
  rules: {
    title: 'Rules', empty: 'No rules', emptyWhat: 'Rules come from packs. See on the packs page whether they are loaded.', condition: 'Condition', kind: 'Kind', enabled: 'On', disabled: 'Off', severity: 'Severity', pack: 'Pack',
    hold: 'For', changed: 'Rule “{name}” is {what}', kinds: { threshold: 'Threshold', rate: 'Rate of change', stuck: 'Stuck', absence: 'Silent', geofence: 'Geofence', count: 'Count' },
    confirmOff: 'The rule will raise no more alarms. Switch “{name}” off?', appliesTo: 'Applies to', on: 'on', off: 'off', active: 'Active alarms',
  },
  imports: {
    title: 'Import', lead: 'Upload a CSV file; an input maps it to readings. UTF-8 (with or without BOM) and GB18030 are understood.', input: 'Input', choose: 'Choose a file', drop: 'or drop it here', start: 'Import', uploading: 'Uploading {percent}%',
    history: 'Imports', empty: 'No imports yet', emptyWhat: 'Choose an input and a file to begin.', rows: 'Rows', accepted: 'Accepted', rejected: 'Rejected', state: 'State', states: { running: 'Running', done: 'Done', failed: 'Failed', interrupted: 'Interrupted' },
    showRejected: 'Show rejected rows', line: 'Line', reason: 'Reason', row: 'Content', rejectedOf: 'Rejected rows', began: 'Began', fileName: 'File', inputHint: 'Name of the input, such as prsa',
  },
  rejections: { title: 'Rejected', lead: 'Messages that could not be taken in, and why.', empty: 'No message was rejected', emptyWhat: 'Every message received was taken in.', input: 'Input', topic: 'Topic', payload: 'Content', reason: 'Reason', partial: 'the rest was taken in' },
  subscriptions: {
    title: 'Subscriptions', lead: 'Who is told of changes, and whether it arrives.', empty: 'No subscription matches', emptyWhat: 'Those made through the NGSI-LD interface appear here.', searchHint: 'Name, id, endpoint, type',
    name: 'Name', endpoint: 'Endpoint', watches: 'Watches', sent: 'Sent', failed: 'Failed', behind: 'Waiting', last: 'Last notified', anyType: 'any entity', stream: 'live stream (SSE)',
    states: { active: 'Active', delivering: 'Delivering', failing: 'Failing', parked: 'Parked', paused: 'Paused', expired: 'Expired' },
    pause: 'Pause', resume: 'Resume', pausing: 'Pause a subscription', pauseWhat: 'Changes that come meanwhile are not notified, not even afterwards. Pause “{name}”?', paused: '“{name}” is paused', resumed: '“{name}” goes on',
    parkedWhat: 'Parked after {n} failures in a row. When resumed it goes on where it stopped.', failingWhat: 'Failed {n} times in a row; it is tried again by itself.', lostWhat: 'The log was pruned up to change {n}: what had not been sent before is lost.', next: 'Next attempt',
    identifier: 'Id', query: 'Condition q', watched: 'Watched attributes', types: 'Types', created: 'Made', expires: 'Expires', lastSuccess: 'Last success', lastFailure: 'Last failure', definition: 'Whole definition', facts: 'At a glance', gone: 'There is no such subscription', none: 'none',
    deliveries: 'Last deliveries', deliveriesSince: 'Since the start at {at}; the last 20 are kept', noDeliveries: 'Nothing was delivered since the start', noDeliveriesWhat: 'Deliveries appear here when an entity changes.', outcome: 'Outcome', outcomes: { ok: 'Taken', failed: 'Failed', lost: 'Lost' }, entities: 'Entities', changes: 'Changes', duration: 'Took', more: '{n} in all',
    why: 'Why was (not) this sent?', whyLead: 'Name an entity to see, condition by condition, why its last change (or the change with a number) was notified or not.', entity: 'Id of the entity', seq: 'Number of the change', seqHint: 'empty: the last one', ask: 'Look', asking: 'Looking…', change: 'Change {seq}', ops: { create: 'created', update: 'updated', delete: 'deleted' }, changed: 'Changed attributes', nothingChanged: 'no attribute changed', seen: 'Was', expected: 'Asked for', ask_this: 'Why?',
    conditions: { entities: 'Entities', notificationTrigger: 'Trigger', watchedAttributes: 'Watched attributes', q: 'Condition q', scopeQ: 'Scope (scopeQ)', geoQ: 'Place (geoQ)' },
  },
  packs: {
    title: 'Packs', reload: 'Reload', reloading: 'Reloading…', reloaded: 'Reloaded', mistakes: 'Mistakes', types: 'Types', rulesCount: 'Rules', empty: 'No packs',
    emptyWhat: 'Name the folder of packs with --packs at the start.', refused: 'Not loaded; the old definitions stay in force', needs: 'Needs',
  },
  users: {
    title: 'Accounts', add: 'Add an account', edit: 'Change an account', name: 'Sign-in name', displayName: 'Name', organisation: 'Organisation', area: 'Area', roles: 'Roles', password: 'Password', newPassword: 'New password (empty keeps the old)',
    areaHint: 'Such as /渝中区/大坪街道; empty is everything', saved: 'Account {name} is saved', removed: 'Account {name} is deleted', confirmRemove: 'Delete account “{name}”? It can no longer sign in.', empty: 'No accounts', emptyWhat: 'Add one and it can sign in.', short: 'At least 8 characters', disabled: 'Disabled', own: 'Change my password', current: 'Current password', changed: 'Your password is changed',
  },
};

export default en;
