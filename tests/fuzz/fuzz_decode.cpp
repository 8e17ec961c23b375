// Any bytes, read as any message at any version: refused, or read to something that is written and
// read back as the same. Input: u16 message (in order of names), u8 version, the body.
#include <cstdint>
#include <cstring>
#include <memory>

#include "core/base/assert.h"
#include "core/wire/message.h"

using namespace faultline;
using namespace faultline::wire;

namespace {
struct Holder {
    explicit Holder(const MessageInfo& i) : info(i), message(i.create()) {}
    ~Holder() { info.destroy(message); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    const MessageInfo& info;
    void* message;
};

// The same bytes in parts of a few bytes each, as a socket may deliver them.
IoBuf in_parts(Bytes b) {
    IoBuf out;
    for (std::size_t i = 0; i < b.size(); i += 3) {
        out.append(Slice::copy_of(b.subspan(i, std::min<std::size_t>(3, b.size() - i))));
    }
    return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3 || size > 4096) return 0;
    const auto all = all_messages();
    const MessageInfo& info = *all[static_cast<std::size_t>(data[0] << 8 | data[1]) % all.size()];
    const int versions = info.valid.high - info.valid.low + 1;
    const Version version{static_cast<std::int16_t>(info.valid.low + data[2] % versions)};
    const Bytes body{reinterpret_cast<const std::byte*>(data) + 3, size - 3};

    const Holder whole(info), parts(info), again(info);
    const IoBuf one = IoBuf::copy_of(body);
    const IoBuf many = in_parts(body);
    Reader in(one), in_many(many);
    decode_message(in, version, info, whole.message);
    decode_message(in_many, version, info, parts.message);
    FL_ASSERT(in.ok() == in_many.ok());
    if (!in.ok()) return 0;
    FL_ASSERT(in.remaining() == in_many.remaining());
    FL_ASSERT(equal_messages(info, whole.message, parts.message));
    FL_ASSERT(!print_message(version, info, whole.message).empty());

    Writer out;
    encode_message(out, version, info, whole.message);
    FL_ASSERT(out.ok());
    const IoBuf written = out.finish().to_iobuf();
    Reader back(written);
    decode_message(back, version, info, again.message);
    FL_ASSERT(back.ok() && back.remaining() == 0);
    FL_ASSERT(equal_messages(info, whole.message, again.message));
    return 0;
}
