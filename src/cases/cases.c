/* SPDX-License-Identifier: Apache-2.0 */
/* The feature's descriptor: what it takes from packs, when it starts and stops. */
#include "cases/cases.h"

#include "base/log.h"
#include "cases/inside.h"

struct counter cases_counters[COUNTS + 1] = {
    [COUNT_OPENED] = {"zhongshu_cases_opened_total", COUNTER_COUNTER, "Cases opened", "开立的案件数"},
    [COUNT_ACTIONS] = {"zhongshu_cases_actions_total", COUNTER_COUNTER, "Actions and comments on cases",
                       "案件操作与意见数"},
    [COUNT_REFUSED] = {"zhongshu_cases_refused_total", COUNTER_COUNTER,
                       "Actions and comments on cases that were refused", "被拒绝的案件操作数"},
    [COUNT_REMINDERS] = {"zhongshu_cases_clock_events_total", COUNTER_COUNTER,
                         "Cases for which a reminder, an overdue deadline or an escalation was noted",
                         "产生提醒、超期或升级的案件次数"},
    [COUNT_ATTACHMENTS] = {"zhongshu_cases_attachments_total", COUNTER_COUNTER, "Attachments taken in",
                           "接收的附件数"},
    [COUNT_TIMERS] = {"zhongshu_cases_clocks", COUNTER_GAUGE, "Cases whose clock runs now",
                      "正在计时的案件数"},
};

static struct {
    struct hub *hub;
    GMutex lock;
    struct playbook *playbook; /* under lock */
    int version;
} cases;

struct hub *cases_hub(void)
{
    return cases.hub;
}

struct playbook *cases_playbook(void)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cases.lock);
    return cases.playbook != NULL ? playbook_ref(cases.playbook) : NULL;
}

int cases_playbook_version(void)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cases.lock);
    return cases.version;
}

static bool load(struct hub *h, const struct pack *const *packs, struct error *e)
{
    struct playbook *p = playbook_new(packs, e);
    if (p == NULL) {
        return false;
    }
    struct playbook *old;
    {
        g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cases.lock);
        old = cases.playbook;
        cases.playbook = p;
        cases.version++;
        cases.hub = h;
    }
    playbook_unref(old);
    return true;
}

static bool start(struct hub *h, struct error *e)
{
    cases.hub = h;
    if (cases_playbook_version() == 0) {
        const struct pack *const none[] = {NULL};
        if (!load(h, none, e)) {
            return false;
        }
    }
    counters_register(cases_counters, COUNTS);
    follower_start(h);
    return true;
}

static void stop(void)
{
    follower_stop();
    playbook_unref(cases.playbook);
    cases.playbook = NULL;
    cases.version = 0;
}

static const struct pack_section sections[] = {
    {"workflows", check_workflows, "Workflows of cases: states, actions, forms, deadlines",
     "案件流程:状态、操作、表单、时限"},
    {"calendar", check_calendar, "Working hours, holidays and make-up days", "工作时间、节假日与调休"},
    {"categories", check_categories, "Kinds of components and matters with their codes",
     "部件与事项的类别及代码"},
    {NULL}};

const struct feature cases_feature = {.name = "cases",
                                      .en = "Cases carried out by workflow, with deadlines and evidence",
                                      .zh = "按流程办理、有时限、留证据的案件",
                                      .routes = cases_routes,
                                      .sections = sections,
                                      .load = load,
                                      .start = start,
                                      .stop = stop};
