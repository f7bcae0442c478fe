"""Control tasks drawn as pixels, hundreds of copies at once: physics, looks that shift, and the policy's training."""
