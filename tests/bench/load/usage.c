/* CPU time in ns from schedstat: the tick-based times of /proc/PID/stat are too coarse
 * for a few seconds. */
#include "load/usage.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool usage_parse(const char *text, struct usage_group *ret_group)
{
    const char *at = strchr(text, '=');
    *ret_group = (struct usage_group){0};
    if (at == NULL || (size_t)(at - text) >= sizeof(ret_group->name)) {
        return false;
    }
    memcpy(ret_group->name, text, (size_t)(at - text));
    at++;
    while (isdigit((unsigned char)*at) && ret_group->pid_count < USAGE_PIDS_MAX) {
        char *end;
        ret_group->pids[ret_group->pid_count++] = (int)strtol(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
    ret_group->children = *at == '+';
    return *at == 0 || (*at == '+' && at[1] == 0);
}

static uint64_t process_ns(int pid)
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        return 0;
    }
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        unsigned long long ns = 0;
        int id = atoi(task->d_name);
        snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, id);
        FILE *file = id > 0 ? fopen(path, "r") : NULL;
        if (file != NULL) {
            sum += fscanf(file, "%llu", &ns) == 1 ? ns : 0;
            fclose(file);
        }
    }
    closedir(tasks);
    return sum;
}

/* Parent of a process, and the CPU time of those children of it that have ended. */
static int read_stat(int pid, uint64_t *ret_ended_ns)
{
    char path[64];
    char line[1024];
    int parent = 0;
    unsigned long long user = 0, kernel = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    const char *behind = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (behind == NULL ||
        sscanf(behind, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu",
               &parent, &user, &kernel) != 3) {
        return 0;
    }
    *ret_ended_ns = (user + kernel) * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
    return parent;
}

static uint64_t process_pss(int pid)
{
    char path[64];
    char line[256];
    unsigned long long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Pss: %llu", &kb) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kb;
}

static bool is_in(const struct usage_group *group, int pid)
{
    for (int i = 0; i < group->pid_count; i++) {
        if (group->pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* Sum over the group's processes, and over their living children where asked. */
static uint64_t sum(const struct usage_group *group, uint64_t (*of_process)(int pid))
{
    uint64_t total = 0;
    uint64_t ended;
    for (int i = 0; i < group->pid_count; i++) {
        total += of_process(group->pids[i]);
    }
    DIR *all = group->children ? opendir("/proc") : NULL;
    for (struct dirent *entry = all ? readdir(all) : NULL; entry; entry = readdir(all)) {
        int pid = atoi(entry->d_name);
        if (pid > 0 && is_in(group, read_stat(pid, &ended))) {
            total += of_process(pid);
        }
    }
    if (all != NULL) {
        closedir(all);
    }
    return total;
}

uint64_t usage_cpu_ns(const struct usage_group *group)
{
    uint64_t total = sum(group, process_ns);
    for (int i = 0; group->children && i < group->pid_count; i++) {
        uint64_t ended = 0;
        read_stat(group->pids[i], &ended);
        total += ended;
    }
    return total;
}

uint64_t usage_pss_kb(const struct usage_group *group)
{
    return sum(group, process_pss);
}

uint64_t usage_kernel_kb(void)
{
    unsigned long long total = 0, kb;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Slab: %llu", &kb) == 1 ||
            sscanf(line, "KernelStack: %llu", &kb) == 1 ||
            sscanf(line, "PageTables: %llu", &kb) == 1) {
            total += kb;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return total;
}

uint64_t usage_machine_ns(void)
{
    unsigned long long user = 0, nice = 0, kernel = 0, idle, wait, irq = 0, soft = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL) {
        return 0;
    }
    int count = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
                       &kernel, &idle, &wait, &irq, &soft);
    fclose(file);
    return count == 7 ? (user + nice + kernel + irq + soft) * USAGE_MACHINE_STEP_NS : 0;
}
