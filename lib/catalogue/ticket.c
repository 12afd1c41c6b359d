#include "catalogue/ticket.h"

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <string.h>

#define TICKET_JSON_MAX 1500 /* in base64url, with the dot and the MAC, within TICKET_MAX */
#define TICKET_LABEL "countersign ticket v1\n"

/* The label keeps this MAC from ever being one over anything else under the same key. */
static enum err mac_of(const uint8_t *key, const char *json, size_t len, uint8_t mac[SHA256_SIZE])
{
    struct buf text = buf_make(TICKET_JSON_MAX + sizeof TICKET_LABEL);
    enum err err;

    buf_adds(&text, TICKET_LABEL);
    buf_add(&text, json, len);
    err = buf_err(&text);
    if (err == ERR_OK) {
        err = hmac_sha256(key, KEY_SIZE, text.data, text.len, mac);
    }
    buf_free(&text);
    return err;
}

static enum err ticket_json(const struct ticket *ticket, uint32_t key_id, struct buf *out)
{
    json_t *object = json_object();
    enum err err = ERR_OK;

    js_set_int(object, "key", (json_int_t)key_id, &err);
    js_set_text(object, "iss", ticket->iss, &err);
    js_set_text(object, "sub", ticket->sub, &err);
    js_set_text(object, "session", ticket->session, &err);
    js_set_text(object, "turn", ticket->turn, &err);
    js_set_text(object, "agent", ticket->agent, &err);
    js_set_text(object, "group", ticket->group, &err);
    js_set_int(object, "issued_at", ticket->issued_at, &err);
    js_set_int(object, "expires_at", ticket->expires_at, &err);
    if (err == ERR_OK) {
        err = js_add_sorted(out, object);
    }
    json_decref(object);
    return err;
}

enum err ticket_mint(const struct keyring *keyring, struct ticket *ticket, msec now,
                     struct buf *out)
{
    struct buf json = buf_make(TICKET_JSON_MAX);
    uint8_t mac[SHA256_SIZE];
    const uint8_t *key;
    uint32_t key_id;
    enum err err;

    ticket->issued_at = now;
    ticket->expires_at = now + TICKET_LIFETIME;
    err = keyring_current(keyring, KIND_TICKET, &key_id, &key);
    if (err == ERR_OK) {
        err = ticket_json(ticket, key_id, &json);
    }
    if (err == ERR_OK) {
        err = mac_of(key, buf_str(&json), json.len, mac);
    }
    if (err == ERR_OK) {
        base64url_add(out, json.data, json.len);
        buf_addc(out, '.');
        base64url_add(out, mac, sizeof mac);
        err = buf_err(out);
    }
    buf_free(&json);
    return err;
}

static enum err field(const json_t *object, const char *name, size_t least, char *out, size_t size)
{
    const char *text = js_text(object, name);

    if (text == NULL || strlen(text) < least || text_copy(out, size, text) != ERR_OK) {
        return ERR_AUTH;
    }
    return ERR_OK;
}

static enum err fields(const json_t *object, struct ticket *out)
{
    json_int_t issued = 0, expires = 0;

    if (field(object, "iss", 1, out->iss, sizeof out->iss) != ERR_OK ||
        field(object, "sub", 1, out->sub, sizeof out->sub) != ERR_OK ||
        field(object, "session", 64, out->session, sizeof out->session) != ERR_OK ||
        field(object, "turn", 1, out->turn, sizeof out->turn) != ERR_OK ||
        field(object, "agent", 0, out->agent, sizeof out->agent) != ERR_OK ||
        field(object, "group", 1, out->group, sizeof out->group) != ERR_OK ||
        js_int(object, "issued_at", 1, INT64_MAX / 2, &issued) != ERR_OK ||
        js_int(object, "expires_at", 1, INT64_MAX / 2, &expires) != ERR_OK) {
        return ERR_AUTH;
    }
    out->issued_at = issued;
    out->expires_at = expires;
    return ERR_OK;
}

/*
 * The text has to be read before its MAC can be checked, because it names the
 * key.  It is at most TICKET_JSON_MAX bytes of strict JSON, and nothing of it is
 * used but that number until the MAC stands.
 */
static enum err verify(const struct keyring *keyring, const char *text, msec now, json_t **out)
{
    const char *dot = text == NULL ? NULL : strchr(text, '.');
    uint8_t json[TICKET_JSON_MAX], mac[SHA256_SIZE], right[SHA256_SIZE];
    size_t json_len = sizeof json, mac_len = sizeof mac;
    const uint8_t *key;
    json_int_t key_id;
    enum err err = ERR_AUTH;

    *out = NULL;
    if (dot == NULL || strlen(text) > TICKET_MAX ||
        base64url_decode(text, (size_t)(dot - text), json, &json_len) != ERR_OK ||
        base64url_decode(dot + 1, strlen(dot + 1), mac, &mac_len) != ERR_OK ||
        mac_len != sizeof mac ||
        js_parse_object((const char *)json, json_len, sizeof json, out) != ERR_OK ||
        js_int(*out, "key", 0, UINT32_MAX, &key_id) != ERR_OK ||
        keyring_find(keyring, KIND_TICKET, (uint32_t)key_id, now, &key) != ERR_OK ||
        mac_of(key, (const char *)json, json_len, right) != ERR_OK) {
        goto done;
    }
    if (CRYPTO_memcmp(mac, right, sizeof mac) == 0) {
        err = ERR_OK;
    }
done:
    if (err != ERR_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return err;
}

enum err ticket_open(const struct keyring *keyring, const char *text, const char *group, msec now,
                     struct ticket *out)
{
    json_t *object = NULL;
    enum err err;

    memset(out, 0, sizeof *out);
    err = verify(keyring, text, now, &object);
    if (err == ERR_OK) {
        err = fields(object, out);
    }
    if (err == ERR_OK &&
        (out->expires_at - out->issued_at > TICKET_LIFETIME || out->issued_at > now ||
         out->expires_at <= now || !text_equal(out->group, group))) {
        err = ERR_AUTH;
    }
    json_decref(object);
    if (err != ERR_OK) {
        memset(out, 0, sizeof *out);
    }
    return err;
}
