// Files: content, size, durability, failures.
#include "tests/env_contract/contract.h"

using namespace faultline;
using namespace faultline::contract;

namespace {
Result<FileRef> make(Env& env, const std::string& path, const IoBuf& content) {
    FL_TRY(FileRef file, env.disk.open(path, OpenMode::create));
    FL_CHECK(file->write(0, content));
    return file;
}
}  // namespace

CONTRACT("file: what was written is read") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(10'000)));
        GET(const IoBuf all, file->read(0, 10'000));
        EXPECT(all == pattern(10'000));
        GET(const IoBuf part, file->read(5000, 100));
        EXPECT(part == pattern(10'000).sub(5000, 100));
        GET(const std::uint64_t size, file->size());
        EXPECT(size == 10'000);
    });
}

CONTRACT("file: a gathering write is one sequence") {
    with_node(w, [](Env& env) {
        IoBuf all;
        for (std::uint64_t i = 0; i < 2000; ++i) all.append(pattern(1 + i % 700, i));
        GET(const FileRef file, make(env, "f", all));
        GET(const IoBuf got, file->read(0, all.size()));
        EXPECT(got == all);
    });
}

CONTRACT("file: reads are short at the end of the file only") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(1000)));
        GET(const IoBuf across, file->read(900, 500));
        EXPECT(across == pattern(1000).sub(900, 100));
        GET(const IoBuf at, file->read(1000, 10));
        EXPECT(at.empty());
        GET(const IoBuf past, file->read(5'000'000, 10));
        EXPECT(past.empty());
        GET(const IoBuf large, file->read(10, 3'000'000));
        EXPECT(large == pattern(1000).sub(10, 990));
        GET(const IoBuf nothing, file->read(0, 0));
        EXPECT(nothing.empty());
    });
}

CONTRACT("file: a write into the middle changes that range only") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(10'000)));
        EXPECT_OK(file->write(4090, pattern(20, 9)));
        EXPECT_OK(file->write(50, IoBuf{}));
        IoBuf expected = pattern(10'000).sub(0, 4090);
        expected.append(pattern(20, 9));
        expected.append(pattern(10'000).sub(4110, 10'000 - 4110));
        GET(const IoBuf got, file->read(0, 20'000));
        EXPECT(got == expected);
    });
}

CONTRACT("file: a write beyond the end leaves zeros before it") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", text("ab")));
        EXPECT_OK(file->write(10'000, text("cd")));
        GET(const std::uint64_t size, file->size());
        EXPECT(size == 10'002);
        GET(const IoBuf gap, file->read(2, 9998));
        EXPECT(gap == text(std::string(9998, '\0')));
    });
}

CONTRACT("file: each open mode does what it says") {
    with_node(w, [](Env& env) {
        EXPECT_CODE(Errc::not_found, env.disk.open("f", OpenMode::read));
        EXPECT_CODE(Errc::not_found, env.disk.open("f", OpenMode::read_write));
        {
            GET(const FileRef file, env.disk.open("f", OpenMode::create_new));
            EXPECT_OK(file->write(0, text("content")));
        }
        EXPECT_CODE(Errc::exists, env.disk.open("f", OpenMode::create_new));
        for (const OpenMode mode : {OpenMode::create, OpenMode::read_write, OpenMode::read}) {
            GET(const FileRef file, env.disk.open("f", mode));
            GET(const IoBuf got, file->read(0, 100));
            EXPECT(got == text("content"));
        }
        EXPECT_CODE(Errc::not_found, env.disk.open("no/f", OpenMode::create));
    });
}

CONTRACT("file: truncate cuts, and grows with zeros") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(9000)));
        EXPECT_OK(file->truncate(100));
        EXPECT_OK(file->truncate(5000));
        GET(const IoBuf got, file->read(0, 9000));
        IoBuf expected = pattern(9000).sub(0, 100);
        expected.append(text(std::string(4900, '\0')));
        EXPECT(got == expected);
        EXPECT_OK(file->truncate(0));
        GET(const std::uint64_t size, file->size());
        EXPECT(size == 0);
    });
}

CONTRACT("file: reserving space does not change the size") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(100)));
        EXPECT_OK(file->preallocate(1 << 20));
        GET(const std::uint64_t size, file->size());
        EXPECT(size == 100);
        GET(const IoBuf got, file->read(0, 200));
        EXPECT(got == pattern(100));
    });
}

CONTRACT("file: reading back from the disk shows what was written") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(9000)));
        EXPECT_OK(file->reload());
        GET(const IoBuf got, file->read(0, 10000));
        EXPECT(got == pattern(9000));
        EXPECT_OK(file->write(9000, text("more")));
        EXPECT_OK(file->reload());
        GET(const IoBuf more, file->read(9000, 10));
        EXPECT(more == text("more"));
    });
}

CONTRACT("file: megabytes in one write and one read") {
    with_node(w, [](Env& env) {
        constexpr std::size_t kSize = (5 << 20) + 3;
        GET(const FileRef file, make(env, "f", pattern(kSize)));
        EXPECT_OK(file->sync(SyncMode::data));
        GET(const IoBuf got, file->read(0, kSize));
        EXPECT(got == pattern(kSize));
    });
}

CONTRACT("file: a removed file stays readable until its last reference") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(1000)));
        EXPECT_OK(env.disk.remove("f"));
        EXPECT_CODE(Errc::not_found, env.disk.open("f", OpenMode::read));
        GET(const IoBuf got, file->read(0, 1000));
        EXPECT(got == pattern(1000));
        GET(const FileRef fresh, env.disk.open("f", OpenMode::create_new));
        GET(const std::uint64_t size, fresh->size());
        EXPECT(size == 0);
    });
}

CONTRACT("file: handles of one file see each other's writes") {
    with_node(w, [](Env& env) {
        GET(const FileRef a, make(env, "f", text("one")));
        GET(const FileRef b, env.disk.open("f", OpenMode::read_write));
        EXPECT_OK(b->write(3, text("two")));
        GET(const IoBuf got, a->read(0, 10));
        EXPECT(got == text("onetwo"));
        EXPECT_OK(a->truncate(2));
        GET(const std::uint64_t size, b->size());
        EXPECT(size == 2);
    });
}

CONTRACT("file: fibers write and read different ranges at once") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, env.disk.open("f", OpenMode::create));
        constexpr std::size_t kPart = 20'000;
        fiber::Group group(env.fibers);
        for (std::uint64_t i = 0; i < 16; ++i) {
            group.spawn({.name = "writer"}, [&, i](fiber::StopToken) {
                EXPECT_OK(file->write(i * kPart, pattern(kPart, i)));
                if (i % 4 == 0) EXPECT_OK(file->sync(SyncMode::data));
                GET(const IoBuf got, file->read(i * kPart, kPart));
                EXPECT(got == pattern(kPart, i));
            });
        }
        group.join();
        GET(const std::uint64_t size, file->size());
        EXPECT(size == 16 * kPart);
    });
}

CONTRACT("file: a failed sync poisons the file through every handle") {
    with_node(w, [&](Env& env) {
        GET(const FileRef a, make(env, "f", text("before")));
        GET(const FileRef b, env.disk.open("f", OpenMode::read_write));
        GET(const FileRef other, make(env, "g", text("other")));
        EXPECT_OK(a->sync(SyncMode::data));
        EXPECT_OK(a->write(6, text(" lost")));
        w.fail_next_sync(env);
        EXPECT_CODE(Errc::io, a->sync(SyncMode::data));
        for (const FileRef& f : {a, b}) {
            EXPECT_CODE(Errc::io, f->write(0, text("x")));
            EXPECT_CODE(Errc::io, f->sync(SyncMode::data));
            EXPECT_CODE(Errc::io, f->sync(SyncMode::data_and_metadata));
            EXPECT_CODE(Errc::io, f->truncate(0));
            GET(const IoBuf got, f->read(0, 6));
            EXPECT(got == text("before"));
        }
        EXPECT_OK(other->write(0, text("fine")));
        EXPECT_OK(other->sync(SyncMode::data));
    });
}

CONTRACT("file: a file whose sync failed can be opened anew and written again") {
    with_node(w, [&](Env& env) {
        {
            GET(const FileRef file, make(env, "f", text("first")));
            w.fail_next_sync(env);
            EXPECT_CODE(Errc::io, file->sync(SyncMode::data));
        }
        GET(const FileRef again, env.disk.open("f", OpenMode::create));
        EXPECT_OK(again->truncate(0));
        EXPECT_OK(again->write(0, text("second")));
        EXPECT_OK(again->sync(SyncMode::data));
        GET(const IoBuf got, again->read(0, 10));
        EXPECT(got == text("second"));
    });
}

CONTRACT("file: a full disk refuses writes, serves reads, and recovers") {
    with_node(w, [&](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(5000)));
        w.fill_disk(env, true);
        EXPECT_CODE(Errc::no_space, file->write(5000, pattern(10'000)));
        GET(const IoBuf got, file->read(0, 5000));
        EXPECT(got == pattern(5000));
        w.fill_disk(env, false);
        EXPECT_OK(file->write(5000, pattern(10'000)));
        EXPECT_OK(file->sync(SyncMode::data));
        GET(const IoBuf more, file->read(5000, 10'000));
        EXPECT(more == pattern(10'000));
    });
}

CONTRACT("file: what was synced survives") {
    with_node(w, [](Env& env) {
        GET(const FileRef file, make(env, "f", pattern(50'000)));
        EXPECT_OK(file->sync(SyncMode::data));
        EXPECT_OK(env.disk.sync_dir("."));
        EXPECT_OK(file->write(50'000, pattern(50'000, 2)));
    });
    w.lose_power(0);
    with_node(w, [](Env& env) {
        GET(const FileRef file, env.disk.open("f", OpenMode::read));
        GET(const IoBuf got, file->read(0, 50'000));
        EXPECT(got == pattern(50'000));
    });
}

CONTRACT("file: a whole file is read within a limit") {
    with_node(w, [](Env& env) {
        EXPECT_CODE(Errc::not_found, read_file(env.disk, "f", 100));
        GET(const FileRef file, make(env, "f", pattern(1000)));
        GET(const IoBuf got, read_file(env.disk, "f", 1000));
        EXPECT(got == pattern(1000));
        EXPECT_CODE(Errc::too_large, read_file(env.disk, "f", 999));
    });
}

CONTRACT("file: replacing is atomic and durable") {
    with_node(w, [](Env& env) {
        EXPECT_OK(replace_file(env.disk, "f", pattern(2000)));
        EXPECT_OK(replace_file(env.disk, "f", text("second")));
    });
    w.lose_power(0);
    with_node(w, [](Env& env) {
        GET(const IoBuf got, read_file(env.disk, "f", 10'000));
        EXPECT(got == text("second"));
    });
}
