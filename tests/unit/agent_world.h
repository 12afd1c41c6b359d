/*
 * A store with one signed-in person, a clock that the test turns, and a model
 * that says what the test wrote down for it.
 */
#ifndef TESTS_UNIT_AGENT_WORLD_H
#define TESTS_UNIT_AGENT_WORLD_H

#include "agent/advance.h"
#include "http_peer.h"
#include "store_fixture.h"

struct model_step {     /* what the model does in its n-th step; the last one repeats */
    const char *text;   /* said piece by piece, '|' between pieces; NULL: nothing */
    const char *calls;  /* a returnControl payload; NULL: the end */
    enum err err;       /* how the step fails after the text */
    void (*hook)(void); /* called before anything is said */
    bool cancel;        /* the person cancels before the last piece */
};

struct agent_world {
    struct fixture fixture;
    struct session session;
    struct peer *actions;
    struct http *http;
    struct config *config;
    struct advance advance;
    struct agent_backend model;
    const struct model_step *steps;
    size_t step_count;
    size_t asked;         /* steps the model was asked for */
    char last_text[5000]; /* what it was asked last */
    char last_results[5000];
};

extern struct agent_world world;
extern msec world_now;

int world_setup(void **state);
int world_teardown(void **state);

enum err world_ask(const char *message, const char *conversation, struct turn *out);
/* Take the turn and advance it once; what turn_advance said. */
enum err world_advance(const struct turn *turn, msec *due_at);
/* The turn as it is stored now. */
void world_get(const struct turn *turn, struct turn *out);
enum turn_state world_state(const struct turn *turn, char code[32]);
/* Every event as lines "type data". Static. */
const char *world_events(const struct turn *turn);

/* One call of reset_password on bob, as Bedrock returns control for it. */
#define RESET_BOB                                                                                  \
    "{\"invocationId\":\"i1\",\"invocationInputs\":[{\"functionInvocationInput\":{"                \
    "\"actionGroup\":"                                                                             \
    "\"CIBAAuthentication\",\"function\":\"reset_password\",\"parameters\":[{\"name\":"            \
    "\"user_email\",\"type\":\"string\",\"value\":\"bob@example.test\"}],"                         \
    "\"actionInvocationType\":\"RESULT\"}}]}"

/* The action program's next answers: done or failed with a state, or pending. */
void world_answer(enum action_outcome outcome, const char *state, const char *text);
void world_answer_pending(const char *state, msec ask_again_at);

#endif
