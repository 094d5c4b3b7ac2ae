/* refusal: why a file is refused, as a table (refusals.def); internal to the module. */
#ifndef PROTO_CONTENT_REFUSAL_H
#define PROTO_CONTENT_REFUSAL_H

enum refusal {
    REFUSAL_NONE,
#define X(name, code, zh, en) REFUSAL_##name,
#include "proto/content/refusals.def"
#undef X
};

#endif
