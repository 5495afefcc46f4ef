# The short way in: everything real is in meson.build, web/package.json and tools/.
.PHONY: run test bench build web format clean

run:
	@tools/setup run
	@exec tools/run

test:
	@tools/setup test
	@exec tools/test

bench:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@exec python3 bench/run.py

build:
	@tools/build build

web:
	@tools/build web

format:
	@clang-format -i src/*/*.[ch] src/*/*/*.[ch] src/*/*.cpp tools/*.c bench/*.c tests/*.c

clean:
	rm -rf build build-asan build-clang web/dist
