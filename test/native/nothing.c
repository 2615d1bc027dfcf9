/* Tells whether programs can be made in some way here. */
int main(void) { return 0; }
