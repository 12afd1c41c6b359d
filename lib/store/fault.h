/*
 * Kill points for the crash tests, in the fault build only; elsewhere nothing.
 *
 * COUNTERSIGN_FAULT, or the file it names after an @ (read again each time), is
 * "kind:N:before" or "kind:N:after": the N-th write of that kind ends the
 * process by SIGKILL just before or just after the engine has it.  "kind" may be
 * "kind/state" to count only writes whose payload has that "state".  With
 * COUNTERSIGN_FAULT_COUNT the writes of all processes are counted in that file,
 * so that the process that comes next does not die at the same place.  Where
 * neither is set, the files $COUNTERSIGN_CONFIG.fault and .fault-count stand for
 * them.
 */
#ifndef COUNTERSIGN_STORE_FAULT_H
#define COUNTERSIGN_STORE_FAULT_H

#ifdef COUNTERSIGN_FAULTS
/* payload: the JSON text being written, may be NULL. when: "before" or "after"; each write asks
 * twice, in that order, in one thread. */
void fault_point(const char *kind, const char *payload, const char *verb, const char *when);
#else
static inline void fault_point(const char *kind, const char *payload, const char *verb,
                               const char *when)
{
    (void)kind;
    (void)payload;
    (void)verb;
    (void)when;
}
#endif

#endif
