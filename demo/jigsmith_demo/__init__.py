"""The main job, start to finish, on embedded defaults: `make demo`."""
