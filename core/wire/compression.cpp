#include "core/wire/compression.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <lz4frame.h>
#include <memory>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "core/base/assert.h"

namespace faultline::wire {
namespace {
constexpr std::array<std::string_view, 5> kNames{"none", "gzip", "snappy", "lz4", "zstd"};
// snappy-java's stream: this magic, two versions of 4 bytes, then blocks of (big-endian length,
// data).
constexpr std::string_view kXerial{"\x82SNAPPY\0", 8};
constexpr std::size_t kXerialHead = 16, kXerialBlock = 32 * 1024;

Error corrupt(const char* where) { return {Errc::corrupt, 0, where}; }
const char* chars(Bytes b) { return reinterpret_cast<const char*>(b.data()); }

// Output that doubles up to a limit.
class Growing {
public:
    Growing(std::size_t first, std::size_t limit)
        : out_(std::min(std::max<std::size_t>(first, 4096), limit)), limit_(limit) {}
    std::byte* room(std::size_t& n) {
        std::byte* at = out_.reserve(1);
        n = std::min<std::size_t>(std::max<std::size_t>(out_.size(), 4096),
                                  limit_ + 1 - std::min(limit_ + 1, out_.size()));
        if (n == 0) return nullptr;
        at = out_.reserve(n);
        return at;
    }
    void used(std::size_t n) { out_.commit(n); }
    bool over() const { return out_.size() > limit_; }
    Slice take() { return out_.take(); }

private:
    BufBuilder out_;
    std::size_t limit_;
};

Slice gzip_compress(Bytes data) {
    z_stream z{};
    FL_ASSERT(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
              Z_OK);
    const std::size_t bound = deflateBound(&z, data.size());
    Block* block = Block::allocate(bound);
    z.next_in =
        reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));  // NOLINT: zlib's API
    z.avail_in = static_cast<uInt>(data.size());
    z.next_out = reinterpret_cast<Bytef*>(block->data());
    z.avail_out = static_cast<uInt>(bound);
    FL_ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    const auto size = static_cast<std::uint32_t>(z.total_out);
    deflateEnd(&z);
    return {block, 0, size};
}

Result<Slice> gzip_decompress(Bytes data, std::size_t limit) {
    z_stream z{};
    FL_ASSERT(inflateInit2(&z, 15 + 16) == Z_OK);
    const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&z, &inflateEnd);
    Growing out(data.size() * 3, limit);
    z.next_in =
        reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));  // NOLINT: zlib's API
    z.avail_in = static_cast<uInt>(data.size());
    bool member_done = false;
    while (true) {
        std::size_t room = 0;
        std::byte* to = out.room(room);
        if (to == nullptr) return Error{Errc::too_large, 0, "gzip"};
        z.next_out = reinterpret_cast<Bytef*>(to);
        z.avail_out = static_cast<uInt>(room);
        const int rc = inflate(&z, Z_NO_FLUSH);
        out.used(room - z.avail_out);
        if (out.over()) return Error{Errc::too_large, 0, "gzip"};
        if (rc == Z_STREAM_END) {
            member_done = true;
            // Another member may follow; anything else behind the first is ignored, as Java does.
            const bool more = z.avail_in >= 2 && z.next_in[0] == 0x1f && z.next_in[1] == 0x8b;
            if (!more) break;
            inflateReset(&z);
        } else if (rc != Z_OK) {
            if (member_done && rc == Z_DATA_ERROR) break;
            return corrupt("gzip");
        } else if (z.avail_in == 0 && z.avail_out > 0) {
            return corrupt("gzip");
        }
    }
    return out.take();
}

Slice snappy_compress(Bytes data) {
    BufBuilder out(data.size() / 2 + 64);
    out.append(as_bytes(kXerial));
    const std::byte versions[8] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1},
                                   std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
    out.append(versions);
    while (!data.empty()) {
        const Bytes part = data.first(std::min(data.size(), kXerialBlock));
        std::byte* to = out.reserve(4 + snappy::MaxCompressedLength(part.size()));
        std::size_t n = 0;
        snappy::RawCompress(chars(part), part.size(), reinterpret_cast<char*>(to + 4), &n);
        for (std::size_t i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(n >> (24 - 8 * i));
        out.commit(4 + n);
        data = data.subspan(part.size());
    }
    return out.take();
}

Result<void> snappy_block(Bytes data, std::size_t limit, BufBuilder& out) {
    std::size_t n = 0;
    if (!snappy::GetUncompressedLength(chars(data), data.size(), &n)) return corrupt("snappy");
    if (n > limit - std::min(limit, out.size())) return Error{Errc::too_large, 0, "snappy"};
    std::byte* to = out.reserve(n);
    if (!snappy::RawUncompress(chars(data), data.size(), reinterpret_cast<char*>(to)))
        return corrupt("snappy");
    out.commit(n);
    return {};
}

Result<Slice> snappy_decompress(Bytes data, std::size_t limit) {
    BufBuilder out(std::min<std::size_t>(data.size() * 2 + 64, limit));
    if (data.size() < kXerialHead || as_text(data.first(8)) != kXerial) {
        FL_CHECK(snappy_block(data, limit, out));
        return out.take();
    }
    data = data.subspan(kXerialHead);
    while (!data.empty()) {
        if (data.size() < 4) return corrupt("snappy");
        std::size_t n = 0;
        for (std::size_t i = 0; i < 4; ++i) n = n << 8 | std::to_integer<std::size_t>(data[i]);
        if (n > data.size() - 4) return corrupt("snappy");
        FL_CHECK(snappy_block(data.subspan(4, n), limit, out));
        data = data.subspan(4 + n);
    }
    return out.take();
}

Slice lz4_compress(Bytes data) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    const std::size_t bound = LZ4F_compressFrameBound(data.size(), &preferences);
    Block* block = Block::allocate(bound);
    const std::size_t n =
        LZ4F_compressFrame(block->data(), bound, data.data(), data.size(), &preferences);
    FL_ASSERT(!LZ4F_isError(n));
    return {block, 0, static_cast<std::uint32_t>(n)};
}

Result<Slice> lz4_decompress(Bytes data, std::size_t limit) {
    LZ4F_dctx* raw = nullptr;
    FL_ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)));
    const std::unique_ptr<LZ4F_dctx, std::size_t (*)(LZ4F_dctx*)> context(
        raw, &LZ4F_freeDecompressionContext);
    // Kafka refuses linked blocks; so do we, before anything is allocated for them.
    LZ4F_frameInfo_t info{};
    std::size_t head = data.size();
    if (LZ4F_isError(LZ4F_getFrameInfo(context.get(), &info, data.data(), &head)) ||
        info.blockMode != LZ4F_blockIndependent) {
        return corrupt("lz4");
    }
    data = data.subspan(head);
    Growing out(data.size() * 3, limit);
    while (true) {
        std::size_t room = 0;
        std::byte* to = out.room(room);
        if (to == nullptr) return Error{Errc::too_large, 0, "lz4"};
        std::size_t read = data.size();
        const std::size_t hint =
            LZ4F_decompress(context.get(), to, &room, data.data(), &read, nullptr);
        if (LZ4F_isError(hint)) return corrupt("lz4");
        out.used(room);
        if (out.over()) return Error{Errc::too_large, 0, "lz4"};
        data = data.subspan(read);
        if (hint == 0) break;
        if (read == 0 && room == 0) return corrupt("lz4");  // the frame is cut off
    }
    if (!data.empty()) return corrupt("lz4");  // a second frame, which Kafka refuses
    return out.take();
}

Slice zstd_compress(Bytes data) {
    const std::size_t bound = ZSTD_compressBound(data.size());
    Block* block = Block::allocate(bound);
    const std::size_t n =
        ZSTD_compress(block->data(), bound, data.data(), data.size(), ZSTD_CLEVEL_DEFAULT);
    FL_ASSERT(!ZSTD_isError(n));
    return {block, 0, static_cast<std::uint32_t>(n)};
}

Result<Slice> zstd_decompress(Bytes data, std::size_t limit) {
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                               &ZSTD_freeDStream);
    Growing out(data.size() * 3, limit);
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    std::size_t left = 1;
    while (in.pos < in.size || left != 0) {
        std::size_t room = 0;
        std::byte* to = out.room(room);
        if (to == nullptr) return Error{Errc::too_large, 0, "zstd"};
        ZSTD_outBuffer o{to, room, 0};
        const std::size_t before = in.pos;
        left = ZSTD_decompressStream(stream.get(), &o, &in);
        if (ZSTD_isError(left)) return corrupt("zstd");
        out.used(o.pos);
        if (out.over()) return Error{Errc::too_large, 0, "zstd"};
        if (left != 0 && o.pos == 0 && in.pos == before) return corrupt("zstd");  // cut off
    }
    return out.take();
}
}  // namespace

std::string_view to_string(Codec codec) { return kNames[static_cast<std::size_t>(codec)]; }

bool parse_codec(std::string_view name, Codec& out) {
    const auto it = std::ranges::find(kNames, name);
    if (it == kNames.end()) return false;
    out = static_cast<Codec>(it - kNames.begin());
    return true;
}

Slice compress(Codec codec, Bytes data) {
    switch (codec) {
        case Codec::none: return Slice::copy_of(data);
        case Codec::gzip: return gzip_compress(data);
        case Codec::snappy: return snappy_compress(data);
        case Codec::lz4: return lz4_compress(data);
        case Codec::zstd: return zstd_compress(data);
    }
    FL_UNREACHABLE();
}

Result<Slice> decompress(Codec codec, Bytes data, std::size_t limit) {
    switch (codec) {
        case Codec::none: return Slice::copy_of(data);
        case Codec::gzip: return gzip_decompress(data, limit);
        case Codec::snappy: return snappy_decompress(data, limit);
        case Codec::lz4: return lz4_decompress(data, limit);
        case Codec::zstd: return zstd_decompress(data, limit);
    }
    return corrupt("codec");
}
}  // namespace faultline::wire
