#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"

static char logged[20000];

/* What one call writes to descriptor 2, which is a file meanwhile. */
#define CAPTURE(call)                                                                              \
    do {                                                                                           \
        FILE *file_ = tmpfile();                                                                   \
        assert_non_null(file_);                                                                    \
        int saved_ = dup(STDERR_FILENO);                                                           \
        dup2(fileno(file_), STDERR_FILENO);                                                        \
        call;                                                                                      \
        dup2(saved_, STDERR_FILENO);                                                               \
        close(saved_);                                                                             \
        rewind(file_);                                                                             \
        logged[fread(logged, 1, sizeof logged - 1, file_)] = '\0';                                 \
        fclose(file_);                                                                             \
    } while (0)

static json_t *one_line(void)
{
    size_t len = strlen(logged);
    json_t *line = NULL;
    assert_true(len > 0 && logged[len - 1] == '\n');
    assert_ptr_equal(strchr(logged, '\n'), logged + len - 1);
    assert_int_equal(js_parse_object(logged, len, sizeof logged, &line), ERR_OK);
    return line;
}

static void a_line_is_one_json_object(void **state)
{
    (void)state;
    log_open("chat", LOG_INFO);
    log_set_request_id("req-1");
    CAPTURE(log_line(LOG_WARN, "token refused", LOG_T("issuer", "https://x/"), LOG_T("none", NULL),
                     LOG_N("status", -400)));
    json_t *line = one_line();
    assert_string_equal(js_text(line, "level"), "warn");
    assert_string_equal(js_text(line, "program"), "chat");
    assert_string_equal(js_text(line, "request_id"), "req-1");
    assert_string_equal(js_text(line, "message"), "token refused");
    assert_string_equal(js_text(line, "issuer"), "https://x/");
    assert_true(json_is_null(json_object_get(line, "none")));
    assert_int_equal(js_int_or(line, "status", 0), -400);
    const char *time = js_text(line, "time");
    assert_int_equal(strlen(time), 24);
    assert_int_equal(time[10], 'T');
    assert_int_equal(time[23], 'Z');
    json_decref(line);
    log_set_request_id(NULL);
    CAPTURE(log_line(LOG_ERROR, "plain"));
    line = one_line();
    assert_string_equal(js_text(line, "request_id"), "");
    json_decref(line);
}

static void hostile_text_is_escaped(void **state)
{
    (void)state;
    /* NOLINTBEGIN(misc-misleading-bidirectional): misleading text is what is tested */
    CAPTURE(log_line(LOG_INFO, "x",
                     LOG_T("v", "a\"b\\c\n\r\x1b[31m\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xff"
                                "\xc3\xa9")));
    json_t *line = one_line();
    for (const char *at = logged; at[1] != '\0'; at++) {
        assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
    }
    assert_null(strstr(logged, "\xc2\x9b"));
    assert_null(strstr(logged, "\xe2\x80"));
    assert_non_null(strstr(logged, "\\u2028\\u202e\\ufffd\xc3\xa9"));
    assert_string_equal(js_text(line, "v"),
                        "a\"b\\c\n\r\x1b[31m\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xef\xbf\xbd"
                        "\xc3\xa9");
    /* NOLINTEND(misc-misleading-bidirectional) */
    json_decref(line);
}

static void long_values_are_cut_whole(void **state)
{
    (void)state;
    char big[2000];
    memset(big, 'a', sizeof big);
    memcpy(big + 511, "\xc3\xa9", 2); /* a character across the cut */
    big[sizeof big - 1] = '\0';
    CAPTURE(log_line(LOG_INFO, "x", LOG_T("v", big)));
    json_t *line = one_line();
    assert_int_equal(strlen(js_text(line, "v")), 511 + 3);
    json_decref(line);

    /* Fields that do not fit are left out; the line stays one object. */
    memset(big, '\x01', sizeof big - 1);
    struct log_field fields[12];
    for (size_t i = 0; i < 11; i++) {
        fields[i] = (struct log_field)LOG_T("f", big);
    }
    fields[0].name = "first";
    fields[11] = (struct log_field){.name = NULL};
    for (size_t i = 1; i < 11; i++) {
        static const char *const names[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
        fields[i].name = names[i - 1];
    }
    CAPTURE(log_write(LOG_INFO, "x", fields));
    line = one_line();
    assert_non_null(js_text(line, "first"));
    assert_null(js_text(line, "10"));
    json_decref(line);
}

/* pipe(7): what is longer than PIPE_BUF may be mixed with the line of another process. */
static void a_line_fits_a_pipe(void **state)
{
    (void)state;
    static const char *const names[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
    char big[2000];
    struct log_field fields[10];
    memset(big, '\x01', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    for (size_t i = 0; i < 9; i++) {
        fields[i] = (struct log_field)LOG_N(names[i], -1);
    }
    fields[9] = (struct log_field){.name = NULL};
    fields[3] = (struct log_field)LOG_T("4", big);
    log_open(big, LOG_INFO);
    log_set_request_id(big);
    CAPTURE(log_write(LOG_ERROR, big, fields));
    assert_true(strlen(logged) <= 4096);
    json_t *line = one_line();
    assert_int_equal(strlen(js_text(line, "message")), 512 + 3); /* the longest head is whole */
    assert_int_equal(strlen(js_text(line, "request_id")), 64);
    assert_int_equal(js_int_or(line, "3", 0), -1);
    assert_null(json_object_get(line, "4"));
    json_decref(line);
    log_open("chat", LOG_INFO);
    log_set_request_id(NULL);

    /* Whatever the lengths: never more, always an object. */
    memset(big, 'a', sizeof big - 1);
    for (size_t len = 0; len < 600; len++) {
        for (size_t i = 0; i < 9; i++) {
            fields[i] = (struct log_field)LOG_T(names[i], big + sizeof big - 1 - len);
        }
        CAPTURE(log_write(LOG_ERROR, "x", fields));
        assert_true(strlen(logged) <= 4096);
        json_decref(one_line());
    }
}

static void levels_are_obeyed(void **state)
{
    (void)state;
    log_open("chat", LOG_WARN);
    CAPTURE(log_line(LOG_INFO, "quiet"));
    assert_string_equal(logged, "");
    CAPTURE(log_line(LOG_ERROR, "loud"));
    assert_string_not_equal(logged, "");
    errno = ENOENT;
    CAPTURE((errno = EAGAIN, log_write(LOG_ERROR, "x", NULL)));
    log_open("chat", LOG_INFO);
}

static void *other_thread(void *out)
{
    log_set_request_id("other");
    *(int *)out = strcmp(log_request_id(), "other");
    return NULL;
}

static void request_ids_belong_to_threads(void **state)
{
    (void)state;
    pthread_t thread;
    int differs = 1;
    log_set_request_id("mine");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &differs), 0);
    pthread_join(thread, NULL);
    assert_int_equal(differs, 0);
    assert_string_equal(log_request_id(), "mine");
    char big[200];
    memset(big, 'i', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    log_set_request_id(big);
    assert_int_equal(strlen(log_request_id()), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a line is one JSON object", a_line_is_one_json_object, NULL, NULL, NULL},
        {"row 78: controls, C1, U+2028 and bidi are escaped in logs", hostile_text_is_escaped, NULL,
         NULL, NULL},
        {"long values are cut, long lines lose whole fields", long_values_are_cut_whole, NULL, NULL,
         NULL},
        {"a line is at most 4096 bytes and still one object", a_line_fits_a_pipe, NULL, NULL, NULL},
        {"levels are obeyed", levels_are_obeyed, NULL, NULL, NULL},
        {"request ids belong to threads", request_ids_belong_to_threads, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
