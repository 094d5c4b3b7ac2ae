/* memo: what libsodium said, remembered. In a town one process stands for the broker, every unit,
 * the audit and the checkers, and all of them verify the same signatures and look at the same keys.
 * The answers depend on nothing but what is asked, so libsodium is asked once: for each key,
 * message and signature, for each key that is to be a point of the curve, for each signature that
 * is made (Ed25519 signatures are functions of key and message) and each public key that is
 * computed.
 *
 * A question is known by the SHA-256 of all of it, so another key, message or signature is another
 * question. Shipped sources come here by --wrap, and ask as before: a build that does not ask is
 * noticed as before (mutate.py, `signature`). Memory is bounded: a place goes to whoever comes
 * last.
 */
#ifndef TESTS_SIM_MEMO_H
#define TESTS_SIM_MEMO_H

/* Asks what every seed asks, so that processes that are forked from here on know it. */
void memo_warm(void);

#endif
