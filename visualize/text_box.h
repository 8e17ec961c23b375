// How much room text needs, and where it goes so that no two texts overlap.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faultline::visualize {

// Upper estimate of the width of UTF-8 `text` in a sans-serif font (DejaVu Sans, the widest of the
// usual ones), in px.
double text_width(std::string_view text, double font_px, bool bold = false);
// At most `width` px: cut, with an ellipsis, when longer.
std::string fitted(std::string text, double width, double font_px);
// Lines of at most `width` px, broken at spaces.
std::vector<std::string> wrapped(std::string_view text, double width, double font_px);

struct Box {
    double left, right;
};
// A row for each box such that boxes of a row do not touch; row 0 first. `boxes` in any order.
std::vector<int> pack_rows(const std::vector<Box>& boxes, double gap);
// The same for texts that hang on a line down from their row at `left`: a later text lies below an
// earlier one that would cover its line. Row 0 is the lowest.
std::vector<int> pack_callouts(const std::vector<Box>& boxes, double gap);

// Rectangles that are taken.
class Taken {
public:
    bool free(double left, double top, double right, double bottom) const;
    void add(double left, double top, double right, double bottom) {
        list_.push_back({left, top, right, bottom});
    }

private:
    struct Rect {
        double left, top, right, bottom;
    };
    std::vector<Rect> list_;
};
}  // namespace faultline::visualize
