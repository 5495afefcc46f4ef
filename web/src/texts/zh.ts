// SPDX-License-Identifier: Apache-2.0
// The texts of the front end in Chinese; en.ts has the same keys.
const zh = {
  product: '中枢',
  productLong: '城市智能中枢',
  synthetic: '演示数据（合成）',
  syntheticLong: '所有设备与读数均为合成的演示数据，不是实测',
  nav: {
    label: '主导航', situation: '态势', alarms: '告警', cases: '案件', devices: '设备', rules: '规则', imports: '导入',
    rejections: '拒收', subscriptions: '订阅', packs: '应用包', users: '账号', more: '更多', skip: '跳到正文',
  },
  live: { live: '实时', connecting: '正在连接', broken: '连接中断，正在重连', off: '未连接' },
  user: { signOut: '退出登录', theme: '切换为{next}主题', dark: '深色', light: '浅色', language: 'Switch to English', menu: '账号菜单' },
  signIn: {
    title: '登录', name: '账号', password: '密码', enter: '登录', wait: '正在登录…', ended: '登录已过期，请重新登录。',
    show: '显示密码', lead: '感知、研判、处置、存证，一屏掌握。',
  },
  severity: { red: '红色', orange: '橙色', yellow: '黄色', blue: '蓝色', label: '级别', short: { red: '红', orange: '橙', yellow: '黄', blue: '蓝' } },
  common: {
    all: '全部', search: '搜索', clear: '清除筛选', retry: '重试', close: '关闭', cancel: '取消', confirm: '确定',
    save: '保存', remove: '删除', export: '导出 CSV', loading: '正在加载', yes: '是', no: '否', open: '打开',
    total: '共 {n} 条', page: '第 {page} / {pages} 页', prev: '上一页', next: '下一页', sortBy: '按{name}排序',
    time: '时间', name: '名称', type: '类型', place: '位置', state: '状态', source: '来源', actions: '操作',
    updated: '更新于', required: '必填', optional: '选填', loadFailed: '加载失败', details: '详情',
    missing: '找不到', notFound: '找不到这个页面', notFoundWhat: '地址可能有误，或内容已被删除。', home: '回到态势', forbidden: '没有权限',
    forbiddenWhat: '当前账号不能查看此页。请联系管理员开通。', street: '街道',
  },
  situation: {
    title: '态势', devices: '设备', silent: '失联', alarming: '告警中', activeAlarms: '活动告警', openCases: '在办案件',
    overdue: '超期', onlineRate: '在线率', layers: '图层', newestAlarms: '最新告警', newestCases: '最新案件',
    onlyAlarming: '只看告警', findDevice: '查找设备', byLevel: '分级统计', byStreet: '街道告警', noAlarms: '当前没有告警',
    noAlarmsWhat: '设备出现异常时会自动出现在这里。', noCases: '当前没有案件', noCasesWhat: '由告警或人工开立后会出现在这里。', noDevices: '还没有设备',
    noDevicesWhat: '接入设备或导入数据后，地图会自动显示。', noMap: '此浏览器无法显示地图', noMapWhat: '需要 WebGL。可使用表格查看全部设备。',
    showTable: '以表格查看', showMap: '以地图查看', zoomHome: '回到全区', noneMatch: '没有符合条件的设备', ring: '外圈表示告警级别',
    grey: '灰色表示失联', more: '查看全部',
    mapLabel: '设备分布地图。可用“表格”以列表查看同样内容。', primary: '主要指标', noBase: '底图不可用，仅显示设备',
  },
  alarms: {
    title: '告警', active: '活动', cleared: '已解除', status: '状态', rule: '规则', started: '开始', clearedAt: '解除', duration: '持续', case: '案件',
    empty: '没有符合条件的告警', emptyWhat: '放宽筛选条件，或等待新的告警。', searchHint: '标题、说明、设备', since: '起始日期', until: '截止日期', reading: '触发读数',
  },
  cases: {
    title: '案件', number: '案号', category: '类别', assignee: '承办人', department: '承办单位', opened: '开立时间', remaining: '剩余时间',
    overdueBy: '超期 {span}', left: '剩 {span}', closed: '已办结', mine: '待我办理', me: '我', onlyOverdue: '仅超期', empty: '没有符合条件的案件',
    emptyWhat: '放宽筛选条件，或等待新的案件。', workflow: '流程', searchHint: '案号、标题', open: '开立案件', headline: '案件标题', workflowHint: '处理流程',
    registered: '已开立案件 {number}', describe: '情况说明', scopeHint: '如 /渝中区/大坪街道',
  },
  case: {
    timeline: '办理过程', steps: '办理进度', act: '办理', comment: '留言', commentHint: '写下说明，所有人可见', sendComment: '发表', noActions: '您当前没有可执行的操作',
    remark: '办理意见', elsewhere: '等待他人：', attachments: '附件', attach: '添加附件', photo: '拍照', uploading: '正在上传',
    proof: '存证', proofLead: '每一步办理都写入防篡改的存证日志。此处在您的浏览器内重新计算哈希，与检查点核对。', verify: '核验', verifying: '正在核验…',
    proven: '{n} 条记录全部核验通过', refuted: '{n} 条记录核验不通过', noLeaves: '尚无记录写入存证日志，请稍后再试。', checkpoint: '检查点', size: '记录总数', root: '根哈希',
    leaf: '存证日志第 {n} 条', proved: '核验通过', broken: '核验不通过', noProof: '无法核验', changedMeanwhile: '案件已被他人更新，请确认后再提交。', doneAction: '已完成：{title}', opened: '开立',
    system: '系统', unsigned: '检查点的签名无效', uncovered: '{n} 步尚未写入存证日志', bookkeeping: '记录更新', signed: '签名有效（Ed25519）', sameCheckpoint: '与公开检查点一致', otherCheckpoint: '检查点早于公开检查点', noTimeline: '还没有办理记录', alarm: '触发告警',
    fields: '基本信息', formOf: '办理：{title}', submit: '提交', choose: '请选择', requiredField: '请填写“{name}”',
  },
  entity: {
    values: '实时数值', history: '历史曲线', range: '时间范围', custom: '自定义', from: '从', to: '到', apply: '应用', noHistory: '这段时间没有数据',
    noHistoryWhat: '换一个更长的时间范围试试。', alarms: '告警', cases: '案件', gone: '设备不存在或已删除', average: '平均', minimum: '最小',
    maximum: '最大', noAlarms: '没有告警', noCases: '没有案件', identifier: '标识', noChart: '没有可绘制曲线的数值指标', pointsAre: '每点为{span}平均值', info: '档案信息',
    noneLocated: '没有位置信息', exportHistory: '导出历史数据', which: '指标', allValues: '全部指标', format: '格式', download: '下载',
    formats: { csv: 'CSV 表格（Excel、WPS 可直接打开）', gb18030: 'CSV 表格，GB18030 编码（旧软件）', ndjson: 'JSON Lines（每行一个时刻）', geojson: 'GeoJSON（带位置）' },
  },
  devices: { title: '设备', empty: '没有符合条件的设备', emptyWhat: '换一个类型或清除筛选。', search: '名称或编号', last: '更新时间', level: '等级', alarm: '告警' },
  rules: {
    title: '规则', empty: '没有规则', emptyWhat: '规则来自应用包。在“应用包”页检查是否已加载。', condition: '条件', kind: '类型', enabled: '启用', disabled: '停用', severity: '级别', pack: '应用包',
    hold: '持续', changed: '已{what}规则“{name}”', kinds: { threshold: '阈值', rate: '变化率', stuck: '数值不变', absence: '失联', geofence: '电子围栏', count: '次数' },
    confirmOff: '停用后该规则不再产生告警。确定停用“{name}”？', appliesTo: '适用类型', on: '启用', off: '停用', active: '活动告警',
  },
  imports: {
    title: '导入', lead: '上传 CSV 文件，按所选输入写入设备读数。支持 UTF-8（含 BOM）与 GB18030。', input: '输入', choose: '选择文件', drop: '或把文件拖到这里', start: '开始导入', uploading: '正在上传 {percent}%',
    history: '导入记录', empty: '还没有导入', emptyWhat: '选择输入和文件后开始。', rows: '行数', accepted: '写入', rejected: '拒收', state: '状态', states: { running: '进行中', done: '完成', failed: '失败', interrupted: '中断' },
    showRejected: '查看拒收的行', line: '行号', reason: '原因', row: '内容', rejectedOf: '拒收的行', began: '开始时间', fileName: '文件', inputHint: '输入的名称，如 prsa',
  },
  rejections: { title: '拒收', lead: '无法写入的消息，及其原因。', empty: '没有被拒收的消息', emptyWhat: '收到的每一条消息都已写入。', input: '输入', topic: '主题', payload: '内容', reason: '原因', partial: '其余已写入' },
  subscriptions: {
    title: '订阅', lead: '谁在接收变更通知，以及送达情况。', empty: '没有符合条件的订阅', emptyWhat: '通过 NGSI-LD 接口创建订阅后会出现在这里。', searchHint: '名称、标识、端点、类型',
    name: '名称', endpoint: '端点', watches: '关注', sent: '已发送', failed: '失败', behind: '积压', last: '最近通知', anyType: '任意实体', stream: '实时流（SSE）',
    states: { active: '正常', delivering: '发送中', failing: '失败重试', parked: '已搁置', paused: '已暂停', expired: '已过期' },
    pause: '暂停', resume: '恢复', pausing: '暂停订阅', pauseWhat: '暂停期间的变更不会通知，恢复后也不补发。确定暂停“{name}”？', paused: '已暂停“{name}”', resumed: '已恢复“{name}”',
    parkedWhat: '连续 {n} 次失败后已搁置。恢复后从中断处继续发送。', failingWhat: '已连续失败 {n} 次，将自动重试。', lostWhat: '日志已清理至第 {n} 号变更，其前未发送的通知已丢失。', next: '下次尝试',
    identifier: '标识', query: '条件 q', watched: '关注属性', types: '实体类型', created: '创建', expires: '过期', lastSuccess: '最近成功', lastFailure: '最近失败', definition: '完整定义', facts: '概况', gone: '订阅不存在或已删除', none: '无',
    deliveries: '最近投递', deliveriesSince: '自 {at} 启动以来，最多保留 20 次', noDeliveries: '启动以来还没有投递', noDeliveriesWhat: '相关实体变更后会出现在这里。', outcome: '结果', outcomes: { ok: '成功', failed: '失败', lost: '已丢失' }, entities: '实体', changes: '变更序号', duration: '耗时', more: '等 {n} 个',
    why: '为什么（没有）通知？', whyLead: '输入实体标识，逐项查看最近一次（或指定序号的）变更为何通知或未通知。', entity: '实体标识', seq: '变更序号', seqHint: '留空为最近一次', ask: '查看', asking: '正在查看…', change: '第 {seq} 号变更', ops: { create: '创建', update: '更新', delete: '删除' }, changed: '变更的属性', nothingChanged: '无属性变更', seen: '实际', expected: '要求', ask_this: '为什么？',
    conditions: { entities: '实体范围', notificationTrigger: '触发方式', watchedAttributes: '关注属性', q: '条件 q', scopeQ: '区域 scopeQ', geoQ: '位置 geoQ' },
  },
  packs: {
    title: '应用包', reload: '重新加载', reloading: '正在加载…', reloaded: '已重新加载', mistakes: '错误', types: '类型', rulesCount: '规则', empty: '没有应用包',
    emptyWhat: '启动时用 --packs 指定应用包目录。', refused: '未能加载，旧的定义仍在使用', needs: '依赖',
  },
  users: {
    title: '账号', add: '新增账号', edit: '修改账号', name: '登录名', displayName: '姓名', organisation: '单位', area: '辖区', roles: '角色', password: '密码', newPassword: '新密码（留空不改）',
    areaHint: '如 /渝中区/大坪街道；留空为全部', saved: '已保存账号 {name}', removed: '已删除账号 {name}', confirmRemove: '确定删除账号“{name}”？该账号将立即无法登录。', empty: '没有账号', emptyWhat: '新增账号后即可登录。', short: '密码至少 8 位', disabled: '停用', own: '修改我的密码', current: '当前密码', changed: '密码已修改',
  },
};

export default zh;
