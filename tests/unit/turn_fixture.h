/* One turn of the world's person, freed when its test is over. */
#ifndef TESTS_UNIT_TURN_FIXTURE_H
#define TESTS_UNIT_TURN_FIXTURE_H

#include "agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static struct turn turn;

#define TEST(name, function)                                                                       \
    {                                                                                              \
        name, function, set_up, tear_down, NULL                                                    \
    }

static inline int set_up(void **state)
{
    memset(&turn, 0, sizeof turn);
    return world_setup(state);
}

static inline int tear_down(void **state)
{
    turn_free(&turn);
    return world_teardown(state);
}

#endif
