// A message of a type that is known at run time only.
#pragma once
#include "core/wire/message.h"

namespace faultline::test {

// Destroys what MessageInfo::create made.
struct Holder {
    explicit Holder(const wire::MessageInfo& i) : info(i), message(i.create()) {}
    ~Holder() { info.destroy(message); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    const wire::MessageInfo& info;
    void* message;
};
}  // namespace faultline::test
