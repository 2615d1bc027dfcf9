/* Changes to the trie. */
#include <stdlib.h>

#include "allowedips_trie.h"

/* An entry and the array that contains it. */
struct place {
  struct entry *entry;
  unsigned count;
  /* The pointer to the array. */
  _Atomic(void *) *held;
};

/*
 * Returns the position of the step in which prefixes of this length end. The longest ones of a word end in
 * its last step: length 64 does, and so does 128.
 */
static unsigned home_of(unsigned length) {
  unsigned word = length > 64 ? 64 : 0;
  return word + (length - word) / STEP * STEP;
}

static unsigned position_of(const struct entry *entry) {
  return entry->is_branch ? entry->length : home_of(entry->length);
}

/* Returns the one entry that this address and length have in an array of the step at `position`. */
static struct layout slot_of(const struct address *address, unsigned length, bool is_branch,
                             unsigned position) {
  unsigned step = step_at(address, position);
  if (is_branch || home_of(length) > position) return (struct layout){BIT(step), 0};
  unsigned bits = length - position;
  return (struct layout){0, BIT((1U << bits) | (step >> (STEP - bits)))};
}

static struct layout slot_of_entry(const struct entry *entry, unsigned position) {
  return slot_of(&entry->address, entry->length, entry->is_branch, position);
}

static bool has_slot(const struct layout *layout, struct layout slot) {
  return ((layout->longer & slot.longer) | (layout->ending & slot.ending)) != 0;
}

static unsigned index_of(const struct layout *layout, struct layout slot) {
  return slot.longer != 0 ? index_of_longer(layout, slot.longer)
                          : index_of_ending(layout, slot.ending);
}

static struct layout with_slot(struct layout layout, struct layout slot) {
  return (struct layout){layout.longer | slot.longer, layout.ending | slot.ending};
}

static unsigned count_of(const struct layout *layout) {
  return count_bits(layout->longer) + count_bits(layout->ending);
}

static struct entry *array_new(struct allowedips *table, unsigned count) {
  struct entry *array = malloc(count * sizeof *array);
  if (array) table->memory += count * sizeof *array;
  return array;
}

static void array_free(struct allowedips *table, struct entry *array, unsigned count) {
  table->memory -= count * sizeof *array;
  free(array);
}

static void array_retire(struct allowedips *table, struct entry *array, unsigned count) {
  table->memory -= count * sizeof *array;
  table->retire(table->context, array);
}

/* Returns whether the prefix is below the branch. */
static bool is_below(const struct prefix *prefix, const struct entry *branch) {
  return home_of(prefix->length) >= branch->length &&
         common_bits(&prefix->address, &branch->address) >= branch->length;
}

/*
 * Returns where the path to the prefix ends: at its own entry, or where it would branch off. There is no
 * entry when the trie is empty. `above` is set to the branch that the result belongs to.
 */
static struct place find_place(struct allowedips *table, const struct prefix *prefix,
                               struct place *above) {
  _Atomic(void *) *root = &table->roots[prefix->family == 6];
  struct place place = {target_of(root), 1, root};
  *above = (struct place){NULL, 0, NULL};
  while (place.entry && place.entry->is_branch && is_below(prefix, place.entry)) {
    struct entry *branch = place.entry;
    struct layout slot = slot_of(&prefix->address, prefix->length, false, branch->length);
    if (!has_slot(&branch->layout, slot)) break;
    struct entry *array = target_of(&branch->target);
    *above = place;
    place = (struct place){array + index_of(&branch->layout, slot), count_of(&branch->layout),
                           &branch->target};
  }
  return place;
}

static bool is_route_of(const struct entry *entry, const struct prefix *prefix) {
  return !entry->is_branch && entry->length == prefix->length &&
         common_bits(&entry->address, &prefix->address) >= prefix->length;
}

struct entry *trie_find(struct allowedips *table, const struct prefix *prefix) {
  struct place above;
  struct entry *entry = find_place(table, prefix, &above).entry;
  return entry && is_route_of(entry, prefix) ? entry : NULL;
}

/* Copies the entry's array, with `by` instead of the entry. */
static bool replace(struct allowedips *table, const struct place *place, const struct entry *by) {
  struct entry *array = target_of(place->held);
  struct entry *copy = array_new(table, place->count);
  if (!copy) return false;
  memcpy(copy, array, place->count * sizeof *array);
  copy[place->entry - array] = *by;
  set_target(place->held, copy);
  array_retire(table, array, place->count);
  return true;
}

/* Copies the entries of a branch that are in the layout, each to its index there. */
static void copy_entries(struct entry *to, const struct layout *layout,
                         const struct entry *branch) {
  const struct entry *array = target_of(&branch->target);
  unsigned count = count_of(&branch->layout);
  for (unsigned i = 0; i < count; i++) {
    struct layout slot = slot_of_entry(&array[i], branch->length);
    if (has_slot(layout, slot)) to[index_of(layout, slot)] = array[i];
  }
}

/* Replaces a branch by one with this layout, in which `route` may be new. */
static bool relayout(struct allowedips *table, const struct place *place,
                     const struct layout *layout, const struct entry *route) {
  struct entry branch = *place->entry;
  unsigned old_count = count_of(&branch.layout);
  struct entry *old = target_of(&branch.target);
  unsigned count = count_of(layout);
  struct entry *array = array_new(table, count);
  if (!array) return false;
  copy_entries(array, layout, place->entry);
  if (route) array[index_of(layout, slot_of_entry(route, branch.length))] = *route;
  branch.layout = *layout;
  atomic_init(&branch.target, array);
  if (!replace(table, place, &branch)) {
    array_free(table, array, count);
    return false;
  }
  array_retire(table, old, old_count);
  return true;
}

/* Replaces the entry by a branch to the entry and the route. */
static bool join(struct allowedips *table, const struct place *place, const struct entry *route) {
  const struct entry *entry = place->entry;
  unsigned common = common_bits(&entry->address, &route->address);
  unsigned position = common - (common & 63) % STEP;
  if (position > position_of(entry)) position = position_of(entry);
  if (position > position_of(route)) position = position_of(route);
  struct layout one = slot_of_entry(entry, position);
  struct layout other = slot_of_entry(route, position);
  struct entry *array = array_new(table, 2);
  if (!array) return false;
  struct entry branch = {.address = route->address,
                         .length = (uint8_t)position,
                         .is_branch = true,
                         .layout = with_slot(one, other)};
  array[index_of(&branch.layout, one)] = *entry;
  array[index_of(&branch.layout, other)] = *route;
  atomic_init(&branch.target, array);
  if (replace(table, place, &branch)) return true;
  array_free(table, array, 2);
  return false;
}

bool trie_add(struct allowedips *table, const struct prefix *prefix, uint32_t number,
              void *owner) {
  struct entry route = {.address = prefix->address, .number = number, .length = prefix->length};
  atomic_init(&route.target, owner);
  struct place above;
  struct place place = find_place(table, prefix, &above);
  if (!place.entry) {
    struct entry *array = array_new(table, 1);
    if (!array) return false;
    array[0] = route;
    set_target(place.held, array);
    return true;
  }
  if (!place.entry->is_branch || !is_below(prefix, place.entry))
    return join(table, &place, &route);
  const struct layout *layout = &place.entry->layout;
  struct layout wider = with_slot(*layout, slot_of_entry(&route, place.entry->length));
  return relayout(table, &place, &wider, &route);
}

/* Returns what is left of a branch without the entry, and without entries that have lost their owner. */
static struct layout layout_without(const struct entry *branch, const struct entry *entry,
                                    const struct entry **last) {
  const struct entry *array = target_of(&branch->target);
  unsigned count = count_of(&branch->layout);
  struct layout layout = {0, 0};
  for (unsigned i = 0; i < count; i++) {
    if (&array[i] == entry || !target_of(&array[i].target)) continue;
    layout = with_slot(layout, slot_of_entry(&array[i], branch->length));
    *last = &array[i];
  }
  return layout;
}

/* Removes the entry from the branch; a branch with a single entry left is replaced by that entry. */
static bool shrink(struct allowedips *table, const struct place *above,
                   const struct entry *entry) {
  const struct entry *last = NULL;
  struct layout layout = layout_without(above->entry, entry, &last);
  if (count_of(&layout) > 1) return relayout(table, above, &layout, NULL);
  struct entry *array = target_of(&above->entry->target);
  unsigned count = count_of(&above->entry->layout);
  if (!last || !replace(table, above, last)) return false;
  array_retire(table, array, count);
  return true;
}

void trie_take(struct allowedips *table, const struct prefix *prefix) {
  struct place above;
  struct place place = find_place(table, prefix, &above);
  if (!above.entry) {
    set_target(place.held, NULL);
    array_retire(table, place.entry, 1);
    return;
  }
  if (!shrink(table, &above, place.entry)) set_target(&place.entry->target, NULL);
}

/* The recursion is no deeper than the 22 steps of an address. */
static void free_array(struct entry *array, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (array[i].is_branch) free_array(target_of(&array[i].target), count_of(&array[i].layout));
  }
  free(array);
}

void trie_free(struct allowedips *table) {
  for (int i = 0; i < 2; i++) {
    struct entry *root = target_of(&table->roots[i]);
    if (root) free_array(root, 1);
  }
}
