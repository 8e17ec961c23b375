// Arbitrary messages for property tests.
#pragma once
#include "core/base/random.h"
#include "core/wire/message.h"

namespace faultline::wire {

// Fills a default-constructed message with values that can be written at this version: limits of
// integers, lengths at the borders of varints, nulls, absent and unknown tagged fields. Fields of
// other versions stay at their defaults, so decode(encode(x)) == x. Equal generators give equal
// messages.
void arbitrary_message(Rng&, Version, const MessageInfo& info, void* message);

template <class Message>
Message arbitrary(Rng& rng, Version version) {
    Message m;
    arbitrary_message(rng, version, Message::info(), &m);
    return m;
}
}  // namespace faultline::wire
