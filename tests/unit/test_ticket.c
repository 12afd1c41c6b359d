/* Tickets: what opens, and everything that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "catalogue/ticket.h"
#include "crypto/hash.h"
#include "store_fixture.h"

#define GROUP "CIBAAuthentication"

static struct ticket sample(void)
{
    struct ticket ticket = {.iss = "https://op.test/",
                            .sub = "oidc|Okta|00u1",
                            .turn = "turn-1",
                            .agent = "AGENT12345",
                            .group = GROUP};

    memset(ticket.session, 'a', 64);
    return ticket;
}

static void mint(const struct fixture *fixture, msec at, char out[TICKET_MAX + 1])
{
    struct ticket ticket = sample();
    struct buf text = buf_make(TICKET_MAX);

    assert_int_equal(ticket_mint(fixture->ring, &ticket, at, &text), ERR_OK);
    assert_int_equal(text_copy(out, TICKET_MAX + 1, buf_str(&text)), ERR_OK);
    assert_int_equal(ticket.expires_at - ticket.issued_at, TICKET_LIFETIME);
    buf_free(&text);
}

/* A ticket whose MAC is right and whose contents are the test's. */
static void forge_with_key(const struct fixture *fixture, const char *json,
                           char out[TICKET_MAX + 1])
{
    struct buf text = buf_make(TICKET_MAX), signed_text = buf_make(4096);
    uint8_t mac[SHA256_SIZE];
    const uint8_t *key;
    uint32_t key_id;

    assert_int_equal(keyring_current(fixture->ring, KIND_TICKET, &key_id, &key), ERR_OK);
    buf_adds(&signed_text, "countersign ticket v1\n");
    buf_addf(&signed_text, json, key_id);
    assert_int_equal(hmac_sha256(key, KEY_SIZE, signed_text.data, signed_text.len, mac), ERR_OK);
    buf_consume(&signed_text, strlen("countersign ticket v1\n"));
    base64url_add(&text, signed_text.data, signed_text.len);
    buf_addc(&text, '.');
    base64url_add(&text, mac, sizeof mac);
    assert_int_equal(text_copy(out, TICKET_MAX + 1, buf_str(&text)), ERR_OK);
    buf_free(&text);
    buf_free(&signed_text);
}

#define SIXTY_FOUR "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BODY(issued, expires)                                                                      \
    "{\"agent\":\"A\",\"expires_at\":" expires ",\"group\":\"" GROUP "\",\"iss\":\"i\","           \
    "\"issued_at\":" issued ",\"key\":%u,\"session\":\"" SIXTY_FOUR "\",\"sub\":\"s\","            \
    "\"turn\":\"t\"}"

static void a_ticket_opens_for_its_lifetime(void **state)
{
    const struct fixture *fixture = *state;
    char text[TICKET_MAX + 1];
    struct ticket ticket;

    mint(fixture, T, text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_OK);
    assert_string_equal(ticket.iss, "https://op.test/");
    assert_string_equal(ticket.sub, "oidc|Okta|00u1");
    assert_string_equal(ticket.turn, "turn-1");
    assert_string_equal(ticket.agent, "AGENT12345");
    assert_int_equal(strlen(ticket.session), 64);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T + TICKET_LIFETIME - 1, &ticket),
                     ERR_OK);
}

static void row_71_time(void **state)
{
    const struct fixture *fixture = *state;
    char text[TICKET_MAX + 1];
    struct ticket ticket;

    mint(fixture, T, text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T + TICKET_LIFETIME, &ticket),
                     ERR_AUTH);
    assert_string_equal(ticket.sub, "");
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T - 1, &ticket), ERR_AUTH);
    /* The right key, and a lifetime of 120 s, 121 s, none. */
    forge_with_key(fixture, BODY("1700000000000", "1700000120000"), text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_OK);
    forge_with_key(fixture, BODY("1700000000000", "1700000121000"), text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_AUTH);
    forge_with_key(fixture, BODY("1700000000000", "1700000000000"), text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_AUTH);
    forge_with_key(fixture, BODY("1700000000000.0", "1700000120000"), text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_AUTH);
    forge_with_key(fixture, BODY("-9223372036854775808", "9223372036854775807"), text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_AUTH);
}

static void row_71_group(void **state)
{
    const struct fixture *fixture = *state;
    char text[TICKET_MAX + 1];
    struct ticket ticket;

    mint(fixture, T, text);
    assert_int_equal(ticket_open(fixture->ring, text, "OktaOperations", T, &ticket), ERR_AUTH);
    assert_int_equal(ticket_open(fixture->ring, text, "", T, &ticket), ERR_AUTH);
    assert_int_equal(ticket_open(fixture->ring, text, NULL, T, &ticket), ERR_AUTH);
}

static void row_71_cookie_and_form(void **state)
{
    static const char *const wrong[] = {"",
                                        ".",
                                        "a",
                                        "a.b",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "eyJhbGciOiJub25lIn0.e30.",
                                        "e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    const struct fixture *fixture = *state;
    char text[TICKET_MAX + 8];
    struct ticket ticket;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(ticket_open(fixture->ring, wrong[i], GROUP, T, &ticket), ERR_AUTH);
    }
    assert_int_equal(ticket_open(fixture->ring, NULL, GROUP, T, &ticket), ERR_AUTH);
    mint(fixture, T, text);
    strncat(text, "=", 2);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_AUTH);
}

static void row_71_every_bit_counts(void **state)
{
    const struct fixture *fixture = *state;
    char text[TICKET_MAX + 1], changed[TICKET_MAX + 1];
    struct ticket ticket;
    size_t len;

    mint(fixture, T, text);
    len = strlen(text);
    for (size_t at = 0; at < len; at++) {
        for (int bit = 0; bit < 7; bit++) {
            memcpy(changed, text, len + 1);
            changed[at] = (char)(changed[at] ^ (1 << bit));
            if (ticket_open(fixture->ring, changed, GROUP, T, &ticket) != ERR_AUTH) {
                fail_msg("accepted with bit %d of character %zu flipped", bit, at);
            }
        }
    }
    for (size_t cut = 0; cut < len; cut++) {
        memcpy(changed, text, cut);
        changed[cut] = '\0';
        assert_int_equal(ticket_open(fixture->ring, changed, GROUP, T, &ticket), ERR_AUTH);
    }
}

static void row_71_another_hosts_key(void **state)
{
    const struct fixture *fixture = *state;
    struct fixture other;
    char text[TICKET_MAX + 1];
    struct ticket ticket;

    fixture_open(&other);
    mint(&other, T, text);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T, &ticket), ERR_AUTH);
    fixture_close(&other);
}

static void a_ticket_of_the_former_key_opens(void **state)
{
    struct fixture *fixture = *state;
    char text[TICKET_MAX + 1];
    struct ticket ticket;
    unsigned made;

    mint(fixture, T, text);
    assert_int_equal(
        keyring_generate(fixture->keys, KIND_BIT(KIND_TICKET), true, T, HOURS(1), &made), ERR_OK);
    fixture_restart(fixture);
    assert_int_equal(ticket_open(fixture->ring, text, GROUP, T + 1, &ticket), ERR_OK);
}

int main(void)
{
#define WITH(name, test)                                                                           \
    {                                                                                              \
        name, test, fixture_setup, fixture_teardown, NULL                                          \
    }
    const struct CMUnitTest tests[] = {
        WITH("a ticket opens for its lifetime", a_ticket_opens_for_its_lifetime),
        WITH("row 71: a ticket expired, not yet valid or longer than 120 s is refused",
             row_71_time),
        WITH("row 71: a ticket for another group is refused", row_71_group),
        WITH("row 71: a cookie in the ticket's place, and other forms, are refused",
             row_71_cookie_and_form),
        WITH("row 71: every bit of a ticket counts", row_71_every_bit_counts),
        WITH("row 71: a ticket under another key is refused", row_71_another_hosts_key),
        WITH("a ticket of the former key opens until its cut-off",
             a_ticket_of_the_former_key_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
