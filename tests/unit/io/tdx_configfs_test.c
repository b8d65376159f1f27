/* SPDX-License-Identifier: Apache-2.0 */
/* configfs-tsm against a folder that a thread of the test drives as the kernel would, and that goes
 * wrong in every way the interface can. */
#include "io/tdx_configfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { QUOTE_SIZE = 700, DEADLINE_MS = 2000, SHORT_MS = 80 };

/* What goes wrong where; each `left` counts down, -1 means always. */
struct kernel {
    char folder[64];
    pthread_t thread;
    atomic_bool stop;
    atomic_int writes;           /* seen by the thread */
    int make_error, make_left;   /* errno and how often */
    int read_error, read_left;   /* of outblob */
    int write_error, write_left; /* of inblob */
    int remove_error, remove_left;
    int generation_error, generation_left;
    int jump_left;                          /* the generation rises by two */
    int late_left;                          /* changes once more after outblob was read */
    bool stuck;                             /* the generation never moves */
    bool slow;                              /* it moves a moment after the write */
    const char *provider, *generation_text; /* NULL: as it should be */
    size_t out_size;                        /* of outblob */
    unsigned long generation;
    bool late_now;
    uint8_t in[64];
};

static struct kernel kernel;

static void put(const char *entry, const char *name, const void *data, size_t size)
{
    char path[PATH_MAX], new[PATH_MAX + 8];
    (void)snprintf(path, sizeof path, "%s/%s", entry, name);
    (void)snprintf(new, sizeof new, "%s.new", path);
    int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)close(fd);
    CHECK(rename(new, path) == 0);
}

static void put_generation(const char *entry)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%lu\n", kernel.generation);
    put(entry, "generation", text, (size_t)size);
}

static bool strikes(int *left)
{
    if (*left == 0)
        return false;
    if (*left > 0)
        (*left)--;
    return true;
}

static int fake_make(void *context, const char *path)
{
    (void)context;
    if (strikes(&kernel.make_left))
        return -kernel.make_error;
    if (mkdir(path, 0700) != 0)
        return -errno;
    kernel.generation = 0;
    put_generation(path);
    const char *provider = kernel.provider ? kernel.provider : "tdx_guest\n";
    if (*provider)
        put(path, "provider", provider, strlen(provider));
    return 0;
}

static int fake_remove(void *context, const char *path)
{
    static const char *const names[] = {"inblob", "outblob", "generation", "provider"};
    char file[PATH_MAX];
    (void)context;
    if (strikes(&kernel.remove_left))
        return -kernel.remove_error;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(file, sizeof file, "%s/%s", path, names[i]);
        (void)unlink(file);
    }
    return rmdir(path) == 0 ? 0 : -errno;
}

static void entry_of(const char *path, char *entry)
{
    (void)snprintf(entry, PATH_MAX, "%s", path);
    *strrchr(entry, '/') = '\0';
}

static ssize_t fake_read(void *context, const char *path, void *out, size_t capacity)
{
    char entry[PATH_MAX];
    (void)context;
    entry_of(path, entry);
    bool is_outblob = strstr(path, "/outblob") != NULL;
    bool is_generation = strstr(path, "/generation") != NULL;
    if (is_outblob && strikes(&kernel.read_left))
        return -kernel.read_error;
    if (is_generation && strikes(&kernel.generation_left))
        return -kernel.generation_error;
    if (is_generation && kernel.generation_text) {
        memcpy(out, kernel.generation_text, strlen(kernel.generation_text));
        return (ssize_t)strlen(kernel.generation_text);
    }
    if (is_outblob && strikes(&kernel.late_left)) {
        kernel.generation++;
        put_generation(entry);
    }
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, out, capacity);
    (void)close(fd);
    return got;
}

static int fake_write(void *context, const char *path, const void *data, size_t size)
{
    char entry[PATH_MAX];
    (void)context;
    if (strikes(&kernel.write_left))
        return -kernel.write_error;
    entry_of(path, entry);
    CHECK(size == 64 && strstr(path, "/inblob") != NULL);
    memcpy(kernel.in, data, 64);
    put(entry, "inblob", data, size);
    int before = atomic_fetch_add(&kernel.writes, 1);
    while (!kernel.slow && atomic_load(&kernel.writes) == before + 1)
        sched_yield(); /* as the kernel, done when the write returns */
    return 0;
}

static const struct ee_tdx_configfs_calls calls = {
    .make = fake_make, .remove = fake_remove, .read = fake_read, .write = fake_write};

/* The entry that has an inblob not answered yet. */
static bool entry_find(char *out)
{
    DIR *list = opendir(kernel.folder);
    struct dirent *item;
    bool found = false;
    while (list && !found && (item = readdir(list)) != NULL) {
        char file[PATH_MAX];
        (void)snprintf(out, PATH_MAX, "%s/%s", kernel.folder, item->d_name);
        (void)snprintf(file, sizeof file, "%.4000s/inblob", out);
        found = item->d_name[0] != '.' && access(file, F_OK) == 0;
    }
    if (list)
        (void)closedir(list);
    return found;
}

/* Odd: a write waits for the thread. */
static void *drive(void *context)
{
    static uint8_t quote[EE_TDX_OUTBLOB_MAX + 1];
    (void)context;
    while (!atomic_load(&kernel.stop)) {
        char entry[PATH_MAX];
        const struct timespec moment = {.tv_nsec = kernel.slow ? 5000000 : 100000};
        if (atomic_load(&kernel.writes) % 2 == 0) {
            (void)nanosleep(&moment, NULL);
            continue;
        }
        if (kernel.slow)
            (void)nanosleep(&moment, NULL);
        if (entry_find(entry)) {
            memset(quote, 0x42, sizeof quote);
            memcpy(quote, kernel.in, 64);
            put(entry, "outblob", quote, kernel.out_size);
            if (!kernel.stuck)
                kernel.generation += strikes(&kernel.jump_left) ? 2 : 1;
            put_generation(entry);
        }
        atomic_fetch_add(&kernel.writes, 1);
    }
    return NULL;
}

static bool kernel_start(void)
{
    memset(&kernel, 0, sizeof kernel);
    kernel.out_size = QUOTE_SIZE;
    (void)snprintf(kernel.folder, sizeof kernel.folder, "/tmp/ee-tsm-XXXXXX");
    return mkdtemp(kernel.folder) != NULL;
}

static bool folder_empty(void)
{
    DIR *list = opendir(kernel.folder);
    size_t count = 0;
    while (list && readdir(list) != NULL)
        count++;
    if (list)
        (void)closedir(list);
    return count == 2;
}

/* One quote with the kernel as the test set it up; the entry must be gone, whatever happened. */
static enum ee_err quote_within(uint64_t timeout_ms, struct ee_tdx_attempt *attempt)
{
    static uint8_t out[EE_TDX_OUTBLOB_MAX];
    uint8_t report_data[64];
    size_t size = 0;
    const struct ee_tdx_configfs configfs = {.folder = kernel.folder, .calls = &calls};
    memset(report_data, 0x5c, sizeof report_data);
    if (pthread_create(&kernel.thread, NULL, drive, NULL) != 0)
        return EE_NO_MEMORY;
    ee_tdx_attempt_init(attempt, timeout_ms, NULL);
    enum ee_err err =
        ee_tdx_configfs_quote(&configfs, report_data, attempt, out, sizeof out, &size);
    atomic_store(&kernel.stop, true);
    pthread_join(kernel.thread, NULL);
    if (err == EE_OK)
        CHECK(size == QUOTE_SIZE && memcmp(out, report_data, 64) == 0 && attempt->what[0] == '\0');
    else
        CHECK(attempt->what[0] != '\0');
    CHECK(folder_empty());
    (void)rmdir(kernel.folder);
    return err;
}

static enum ee_err quote(struct ee_tdx_attempt *attempt)
{
    return quote_within(DEADLINE_MS, attempt);
}

static void good_kernel_gives_a_quote(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    CHECK(quote(&attempt) == EE_OK && attempt.retries == 0);
}

static void generation_that_moves_a_moment_later_is_waited_for(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.slow = true;
    CHECK(quote(&attempt) == EE_OK && attempt.retries == 0);
}

static void errors_that_pass_are_asked_again(void)
{
    static const int numbers[] = {EBUSY, EINTR, ETIMEDOUT, EWOULDBLOCK};
    struct ee_tdx_attempt attempt;
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(kernel_start());
        kernel.read_error = numbers[i];
        kernel.read_left = 2;
        CHECK(quote(&attempt) == EE_OK && attempt.retries == 2);
        REQUIRE(kernel_start());
        kernel.write_error = kernel.make_error = kernel.generation_error = numbers[i];
        kernel.write_left = kernel.make_left = kernel.generation_left = 1;
        CHECK(quote(&attempt) == EE_OK && attempt.retries == 3);
    }
}

static void busy_for_ever_ends_at_the_deadline(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.read_error = EBUSY;
    kernel.read_left = -1;
    CHECK(quote_within(SHORT_MS, &attempt) == EE_TIMEOUT && attempt.retries > 0);
    CHECK(attempt.number == EBUSY);
}

static void errors_that_stay_are_told(void)
{
    static const struct {
        int number;
        enum ee_err err;
        const char *words;
    } cases[] = {{EFBIG, EE_TOO_LARGE, "size"}, {ENXIO, EE_TDX_MISSING, "provider"},
                 {EACCES, EE_FORBIDDEN, ""},    {EPERM, EE_FORBIDDEN, ""},
                 {EIO, EE_TDX_QUOTE, "host"},   {EINVAL, EE_TDX_QUOTE, ""}};
    struct ee_tdx_attempt attempt;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        REQUIRE(kernel_start());
        kernel.read_error = cases[i].number;
        kernel.read_left = -1;
        CHECK(quote(&attempt) == cases[i].err && attempt.retries == 0);
        CHECK(strstr(attempt.what, cases[i].words) != NULL && attempt.next[0] != '\0');
        REQUIRE(kernel_start());
        kernel.make_error = cases[i].number;
        kernel.make_left = -1;
        CHECK(quote(&attempt) == cases[i].err);
    }
}

static void no_such_folder_says_how_to_get_it(void)
{
    struct ee_tdx_attempt attempt;
    const struct ee_tdx_configfs configfs = {.folder = "/nonexistent/tsm/report"};
    uint8_t out[64];
    size_t size;
    ee_tdx_attempt_init(&attempt, DEADLINE_MS, NULL);
    CHECK(ee_tdx_configfs_quote(&configfs, out, &attempt, out, sizeof out, &size) ==
          EE_TDX_MISSING);
    CHECK(strstr(attempt.next, "modprobe tdx_guest") != NULL && strstr(attempt.next, "6.7"));
}

static void other_provider_is_refused_by_name(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.provider = "sev_guest\n";
    CHECK(quote(&attempt) == EE_TDX_MISSING && strstr(attempt.what, "sev_guest") != NULL);
    REQUIRE(kernel_start());
    kernel.provider = ""; /* a plain folder, not configfs */
    CHECK(quote(&attempt) == EE_TDX_MISSING && strstr(attempt.what, "configfs-tsm") != NULL);
}

static void generation_that_jumps_is_asked_anew(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.jump_left = 2;
    CHECK(quote(&attempt) == EE_OK && attempt.retries == 2);
    REQUIRE(kernel_start());
    kernel.late_left = 1;
    CHECK(quote(&attempt) == EE_OK && attempt.retries == 1);
    REQUIRE(kernel_start());
    kernel.jump_left = -1;
    CHECK(quote_within(SHORT_MS, &attempt) == EE_TDX_QUOTE);
    REQUIRE(kernel_start());
    kernel.late_left = -1;
    CHECK(quote_within(SHORT_MS, &attempt) == EE_TDX_QUOTE &&
          strstr(attempt.what, "changed") != NULL);
}

static void generation_that_never_moves_is_not_polled_for_ever(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.stuck = true;
    CHECK(quote_within(SHORT_MS, &attempt) == EE_TDX_QUOTE);
    CHECK(strstr(attempt.what, "generation stays") != NULL);
}

static void generation_that_is_no_number_is_refused(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.generation_text = "many\n";
    CHECK(quote(&attempt) == EE_TDX_QUOTE && strstr(attempt.what, "many") != NULL);
}

static void empty_quote_blames_the_hosts_service(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.out_size = 0;
    CHECK(quote(&attempt) == EE_TDX_QUOTE);
    CHECK(strstr(attempt.what, "quote generation service") && strstr(attempt.next, "qgsd"));
}

static void quote_beyond_the_limit_is_refused(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.out_size = EE_TDX_OUTBLOB_MAX + 1;
    CHECK(quote(&attempt) == EE_TOO_LARGE);
}

static void entry_that_is_busy_is_removed_later(void)
{
    struct ee_tdx_attempt attempt;
    REQUIRE(kernel_start());
    kernel.remove_error = EBUSY;
    kernel.remove_left = 3;
    CHECK(quote(&attempt) == EE_OK);
}

static void *stop_soon(void *context)
{
    const struct timespec moment = {.tv_nsec = 30000000};
    (void)nanosleep(&moment, NULL);
    atomic_store((atomic_bool *)context, true);
    return NULL;
}

static void called_off_ends_before_the_deadline(void)
{
    struct ee_tdx_attempt attempt;
    atomic_bool stop = false;
    pthread_t thread;
    uint8_t out[64] = {0};
    size_t size;
    REQUIRE(kernel_start());
    const struct ee_tdx_configfs configfs = {.folder = kernel.folder, .calls = &calls};
    kernel.make_error = EBUSY;
    kernel.make_left = -1;
    ee_tdx_attempt_init(&attempt, 60000, &stop);
    REQUIRE(pthread_create(&thread, NULL, stop_soon, &stop) == 0);
    CHECK(ee_tdx_configfs_quote(&configfs, out, &attempt, out, sizeof out, &size) == EE_CLOSED);
    pthread_join(thread, NULL);
    (void)rmdir(kernel.folder);
}

/* ---- what a crash leaves ---- */

static ssize_t read_and_die(void *context, const char *path, void *out, size_t capacity)
{
    (void)context;
    (void)path;
    (void)out;
    (void)capacity;
    _exit(7);
}

static int plain_make(void *context, const char *path)
{
    (void)context;
    return mkdir(path, 0700) == 0 ? 0 : -errno;
}

static void ask_and_die(void)
{
    const struct ee_tdx_configfs_calls dying = {.make = plain_make, .read = read_and_die};
    const struct ee_tdx_configfs configfs = {.folder = kernel.folder, .calls = &dying};
    struct ee_tdx_attempt attempt;
    uint8_t out[64] = {0};
    size_t size;
    ee_tdx_attempt_init(&attempt, DEADLINE_MS, NULL);
    (void)!ee_tdx_configfs_quote(&configfs, out, &attempt, out, sizeof out, &size);
    _exit(0);
}

static void entries_of_the_dead_are_swept_and_no_others(void)
{
    static const char *const others[] = {"a", "ee-1-2-3", "ee-1-2-3-4", "ee-1-2-3-4x",
                                         "somebody-4026531836-1-1-0"};
    char path[PATH_MAX];
    int status;
    REQUIRE(kernel_start());
    pid_t pid = fork();
    if (pid == 0)
        ask_and_die();
    REQUIRE(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    CHECK(!folder_empty());
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", kernel.folder, others[i]);
        REQUIRE(mkdir(path, 0700) == 0);
    }
    CHECK(ee_tdx_configfs_sweep(kernel.folder) == 1);
    CHECK(ee_tdx_configfs_sweep(kernel.folder) == 0);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", kernel.folder, others[i]);
        CHECK(rmdir(path) == 0);
    }
    CHECK(folder_empty());
    (void)rmdir(kernel.folder);
}

static ssize_t sweep_meanwhile(void *context, const char *path, void *out, size_t capacity)
{
    CHECK(ee_tdx_configfs_sweep(kernel.folder) == 0);
    return fake_read(context, path, out, capacity);
}

static void entry_in_use_is_not_swept(void)
{
    struct ee_tdx_configfs_calls sweeping = calls;
    struct ee_tdx_attempt attempt;
    uint8_t in[64] = {1}, out[EE_TDX_REPORT_DATA_SIZE + QUOTE_SIZE];
    size_t size;
    REQUIRE(kernel_start());
    const struct ee_tdx_configfs configfs = {.folder = kernel.folder, .calls = &sweeping};
    sweeping.read = sweep_meanwhile;
    REQUIRE(pthread_create(&kernel.thread, NULL, drive, NULL) == 0);
    ee_tdx_attempt_init(&attempt, DEADLINE_MS, NULL);
    CHECK(ee_tdx_configfs_quote(&configfs, in, &attempt, out, sizeof out, &size) == EE_OK);
    atomic_store(&kernel.stop, true);
    pthread_join(kernel.thread, NULL);
    (void)rmdir(kernel.folder);
}

TESTS(TEST(good_kernel_gives_a_quote), TEST(generation_that_moves_a_moment_later_is_waited_for),
      TEST(errors_that_pass_are_asked_again), TEST(busy_for_ever_ends_at_the_deadline),
      TEST(errors_that_stay_are_told), TEST(no_such_folder_says_how_to_get_it),
      TEST(other_provider_is_refused_by_name), TEST(generation_that_jumps_is_asked_anew),
      TEST(generation_that_never_moves_is_not_polled_for_ever),
      TEST(generation_that_is_no_number_is_refused), TEST(empty_quote_blames_the_hosts_service),
      TEST(quote_beyond_the_limit_is_refused), TEST(entry_that_is_busy_is_removed_later),
      TEST(called_off_ends_before_the_deadline), TEST(entries_of_the_dead_are_swept_and_no_others),
      TEST(entry_in_use_is_not_swept))
