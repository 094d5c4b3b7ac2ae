#include "proto/plan/cited.h"

#include <string.h>

#include "proto/base/limits.h"

bool cited_find(const struct plan *plan, const char *citation, const struct plan_task **ret_task,
                const struct plan_duty **ret_duty)
{
    char id[LIMIT_SLUG_LEN_MAX + 1];
    const char *from = strchr(citation, ':');
    if (!from) return false;
    size_t len = strcspn(from + 1, "=");
    if (len == 0 || len >= sizeof id) return false;
    memcpy(id, from + 1, len);
    id[len] = 0;
    const struct plan_task *task = plan_task_find(plan, id);
    const struct plan_duty *duty = task ? NULL : plan_duty_find(plan, id);
    if (!task && !duty) return false;
    *ret_task = task;
    *ret_duty = duty;
    return true;
}
