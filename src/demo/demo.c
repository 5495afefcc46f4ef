/* SPDX-License-Identifier: Apache-2.0 */
/* The feature `demo`: its pack section. */
#include "demo/demo.h"

#include "demo/world.h"

static void check(const struct pack *p, const struct json *section, const struct pack *const *all,
                  struct pack_report *r)
{
    arena_auto a = arena_new();
    world_read(a, all, 0, p, r);
}

static const struct pack_section sections[] = {
    {"demo", check,
     "What the simulator plays: areas, drivers, groups of devices, incidents, the crew that works the cases; "
     "all of it synthetic",
     "模拟器的内容：区域、驱动量、设备组、事件、办理案件的人员；全部为合成数据"},
    {NULL},
};

const struct feature demo_feature = {
    .name = "demo",
    .en = "Simulated devices and people for a demo district",
    .zh = "演示区的模拟设备与人员",
    .sections = sections,
};
