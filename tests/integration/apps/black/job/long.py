def f(a,b):
  return {'a':1,
 'b':2}
