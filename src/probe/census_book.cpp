#include "probe/census_book.hpp"

#include <utility>

namespace reluscope {

void UnitBook::keep_witness(Index witness) {
  Index moving = witness;
  for (Index& kept : witnesses) {
    if (moving < 0) break;
    std::swap(kept, moving);
    if (moving == witness) break;
  }
}

bool LayerBook::is_sound() const {
  return norm.is_sound() &&
         std::all_of(units.begin(), units.end(), [](const UnitBook& unit) { return unit.levels.is_sound(); });
}

template <class T>
std::vector<LayerBook> open_books(const Network<T>& network) {
  std::vector<LayerBook> books;
  for (const std::size_t at : network.sites()) {
    const Node<T>& site = network.node(at);
    LayerBook& book = books.emplace_back();
    book.mortal = site.activation()->mortal();
    book.dead_is_zero = site.activation()->dead_is_zero();
    book.units.resize(static_cast<std::size_t>(site.units()));
    book.recent.assign(book.units.size(), -1);
  }
  return books;
}

std::size_t tracked_layers(const std::vector<LayerBook>& books) {
  std::size_t layers = books.size();
  while (layers > 0 && std::none_of(books[layers - 1].units.begin(), books[layers - 1].units.end(),
                                    [](const UnitBook& unit) { return unit.levels.known(); }))
    --layers;
  return layers;
}

template std::vector<LayerBook> open_books(const Network<float>&);
template std::vector<LayerBook> open_books(const Network<double>&);

}  // namespace reluscope
